"""The life that a side of a migration names, in the journal, and the migration that a life is a side of."""

from cloudgpu.base.clock import parse_utc
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.running.records import Deployment
from cloudgpu.running.store import Store


def life_of(side: Side, service: str, store: Store) -> Deployment | None:
    """The side's deployment, as it was recorded last; None when there is none yet.

    Its token names one life, whatever became of it. Until the token is known it is the living deployment of that name
    and service: one that is final is an earlier life of the name.
    """
    if side.token is not None:
        return store.life(side.token)
    found = store.deployment(side.name)
    return found if found and found.service == service and not found.state.is_final else None


def new_life(migration: Migration, store: Store) -> Deployment | None:
    """The new side's, also one that is gone and whose token the migration never got to know; None: there was none.

    Such a one is the latest of its name that began after this migration, and before the next one of its service.
    """
    found = life_of(migration.new, migration.service, store)
    if found is not None or migration.new.token is not None:
        return found
    began = parse_utc(migration.created_at)
    others = (parse_utc(each["created_at"]) for each in store.migrations() if each["service"] == migration.service)
    ended = min((each for each in others if each > began), default=None)
    wanted = (migration.new.name, migration.service)
    lives = [each for each in store.deployments(include_gone=True) if (each.name, each.service) == wanted]
    since = [each for each in lives if each.since >= began and (ended is None or each.since < ended)]
    return next((each for each in reversed(since) if each.state.is_final), None)


def open_migration_of(life: Deployment, store: Store) -> Migration | None:
    """The open migration that it is a side of, also before that knows its token; None once its end was asked for."""
    body = store.open_migration(life.service)
    if body is None or life.state.is_ending:
        return None
    migration = Migration.from_body(body)
    sides = (life_of(side, migration.service, store) for side in (migration.old, migration.new))
    return migration if life.token in {each.token for each in sides if each is not None} else None
