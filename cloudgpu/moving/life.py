"""The life that a side of a migration names, in the journal, and the migration that a life is a side of."""

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


def open_migration_of(life: Deployment, store: Store) -> Migration | None:
    """The open migration that it is a side of, also before that knows its token; None once its end was asked for."""
    body = store.open_migration(life.service)
    if body is None or life.state.is_ending:
        return None
    migration = Migration.from_body(body)
    sides = (life_of(side, migration.service, store) for side in (migration.old, migration.new))
    return migration if life.token in {each.token for each in sides if each is not None} else None
