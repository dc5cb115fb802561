"""The states of a migration and the steps between them. Pure."""

from enum import StrEnum


class MigrationState(StrEnum):
    """Where a migration stands. Each is written down before the act that it names.

        planned ─► provisioning ─► validating ─► promoted ─► stable
                        │              │ ▲           │
                        │              │ └─ again ─ rolled_back ─► stable (the old side was kept)
                        └──────────────┴─► aborted ◄──┘
        any end that could not be confirmed ─► cleanup_failed ─► stable | aborted

    planned: nothing exists yet. provisioning: the new side is being created. validating: it is up and both are asked.
    promoted: the address is on the new side, or on its way there. rolled_back: the same with the old side. Both sides
    are alive in these two. stable and aborted: one side is left.
    """

    PLANNED = "planned"
    PROVISIONING = "provisioning"
    VALIDATING = "validating"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    STABLE = "stable"
    ABORTED = "aborted"
    CLEANUP_FAILED = "cleanup_failed"

    @property
    def is_final(self) -> bool:
        """Nothing is left to do."""
        return self in (MigrationState.STABLE, MigrationState.ABORTED)


class Ending(StrEnum):
    """How a migration is being closed; written down before anything is destroyed, so that a kill confuses no sides."""

    KEEP_NEW = "keep_new"
    KEEP_OLD = "keep_old"
    ABORT = "abort"

    @property
    def final_state(self) -> MigrationState:
        """The state once the other side is gone."""
        return MigrationState.ABORTED if self is Ending.ABORT else MigrationState.STABLE


_NEXT: dict[MigrationState, tuple[MigrationState, ...]] = {
    MigrationState.PLANNED: (MigrationState.PROVISIONING, MigrationState.ABORTED),
    MigrationState.PROVISIONING: (MigrationState.VALIDATING, MigrationState.ABORTED, MigrationState.CLEANUP_FAILED),
    MigrationState.VALIDATING: (MigrationState.PROMOTED, MigrationState.ABORTED, MigrationState.CLEANUP_FAILED),
    MigrationState.PROMOTED: (MigrationState.ROLLED_BACK, MigrationState.STABLE, MigrationState.CLEANUP_FAILED),
    MigrationState.ROLLED_BACK: (
        MigrationState.VALIDATING,
        MigrationState.STABLE,
        MigrationState.ABORTED,
        MigrationState.CLEANUP_FAILED,
    ),
    MigrationState.CLEANUP_FAILED: (MigrationState.STABLE, MigrationState.ABORTED),
    MigrationState.STABLE: (),
    MigrationState.ABORTED: (),
}


def can_follow(state: MigrationState, following: MigrationState) -> bool:
    """Whether a migration may go from one state to the other; staying is always allowed."""
    return state is following or following in _NEXT[state]
