"""What the steps of a migration ask about its sides, and the errors that say where it stands.

Two rules stand above all: requests always have a side to go to that is left, and a side that they may reach is never
destroyed. A side is left while it exists and nobody asked for its end.
"""

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.state import MigrationState

BEFORE_SHARING = (
    MigrationState.PLANNED,
    MigrationState.PROVISIONING,
    MigrationState.WARMING,
    MigrationState.VALIDATING,
)


def saved(migration: Migration, acts: Acts) -> Migration:
    """Written down."""
    acts.save(migration)
    return migration


def is_left(side: Side, acts: Acts) -> bool:
    """It exists and nobody asked for its end."""
    return acts.exists(side) and not acts.is_ending(side)


def nothing_is_left(migration: Migration, acts: Acts) -> bool:
    """Neither side is."""
    return not any(is_left(side, acts) for side in (migration.old, migration.new))


def check_is_left(side: Side, acts: Acts, hint: str) -> None:
    """Raise ConflictError unless it is left."""
    if not acts.exists(side):
        raise ConflictError(f"{side.name} no longer exists, so it cannot take over", hint=hint)
    if acts.is_ending(side):
        raise ConflictError(f"{side.name} is being removed, so it cannot take over", hint=hint)


def stands_at(migration: Migration) -> ConflictError:
    """The error for an act that this state forbids."""
    return ConflictError(
        f"the migration {migration.migration_id} of {migration.service} "
        f"({migration.old.name} → {migration.new.name}) is {migration.state}",
        hint=f"go on with it: {ways_out(migration)}",
    )


def ways_out(migration: Migration, *, old_left: bool = True, new_left: bool = True) -> str:
    """The commands that continue or close an open migration, for a hint; only such as its sides that are left allow."""
    if migration.ending or migration.state is MigrationState.CLEANUP_FAILED:
        return "cloudgpu migrate resume"
    if migration.standing is MigrationState.CANARY and not (old_left and new_left):
        return _way_with_one_side(old_left=old_left, new_left=new_left)
    if migration.state in BEFORE_SHARING:
        return "cloudgpu migrate resume, or give it up: cloudgpu migrate abort"
    if migration.state is MigrationState.PAUSED:
        return "cloudgpu migrate promote goes on, cloudgpu migrate abort gives the new one up"
    if migration.state is MigrationState.CANARY:
        return "cloudgpu migrate promote, or back: cloudgpu migrate rollback"
    if migration.state is MigrationState.PROMOTED:
        return "cloudgpu migrate finalize, or cloudgpu migrate rollback"
    return "cloudgpu migrate finalize keeps the old side"


def _way_with_one_side(*, old_left: bool, new_left: bool) -> str:
    if new_left:
        return "cloudgpu migrate promote --full, then cloudgpu migrate finalize"
    if old_left:
        return "cloudgpu migrate abort keeps the old side, which is all that is left"
    return "cloudgpu migrate abort closes it: neither side is left"
