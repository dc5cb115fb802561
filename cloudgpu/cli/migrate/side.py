"""A deployment that is a side of an open migration is not touched behind that migration's back."""

from collections.abc import Sequence

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.migrate.standing import Standing, standing
from cloudgpu.cli.session import Session
from cloudgpu.moving.life import open_migration_of
from cloudgpu.running.deployment import Deployment


def refuse_sides(session: Session, found: Sequence[Deployment]) -> None:
    """Raise ConflictError, with the migration's own ways, when one of these is a side of an open migration.

    One whose end was asked for already is none: nothing relies on it. Calls no network.
    """
    for life in found:
        now = _open_migration_of(session, life)
        if now is not None:
            again = f"or remove it all the same: cloudgpu down {life.name} --force"
            raise ConflictError(f"{life.name} is {_a_side(now)}", hint=f"{now.hint}; {again}")


def refuse_name_of_side(session: Session, life: Deployment) -> None:
    """The same for an `up` of its name: it goes on by the migration alone."""
    now = _open_migration_of(session, life)
    if now is not None:
        raise ConflictError(f"{life.name} is {_a_side(now)}", hint=f"{now.hint}; or give the new one another --name")


def side_words(session: Session, life: Deployment) -> str | None:
    """Which open migration it is a side of, and that one's own ways; None when it is none."""
    now = _open_migration_of(session, life)
    return f"it is {_a_side(now)}: {now.hint}" if now else None


def _a_side(now: Standing) -> str:
    migration = now.migration
    return f"a side of the migration {migration.migration_id} of {migration.service}, which is {migration.state}"


def _open_migration_of(session: Session, life: Deployment) -> Standing | None:
    migration = open_migration_of(life, session.store)
    return standing(session, migration) if migration else None
