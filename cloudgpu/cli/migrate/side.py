"""A deployment that is a side of an open migration is not removed behind that migration's back."""

from collections.abc import Sequence

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.session import Session
from cloudgpu.moving.life import life_of
from cloudgpu.moving.migration import Migration
from cloudgpu.running.deployment import Deployment


def refuse_sides(session: Session, found: Sequence[Deployment]) -> None:
    """Raise ConflictError, with the migration's own ways, when one of these is a side of an open migration.

    One whose end was asked for already is none: nothing relies on it. Calls no network.
    """
    for life in found:
        body = session.store.open_migration(life.service)
        migration = Migration.from_body(body) if body and not life.state.is_ending else None
        if migration is not None and life.token in _tokens(session, migration):
            raise ConflictError(
                f"{life.name} is a side of the migration {migration.migration_id} of {migration.service}, which is "
                f"{migration.state}",
                hint=f"{standing(session, migration).hint}; or remove it all the same: "
                f"cloudgpu down {life.name} --force",
            )


def _tokens(session: Session, migration: Migration) -> set[str]:
    lives = (life_of(side, migration.service, session.store) for side in (migration.old, migration.new))
    return {life.token for life in lives if life is not None}
