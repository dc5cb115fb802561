"""The states of a migration and the steps between them. Pure."""

from enum import StrEnum


class MigrationState(StrEnum):
    """Where a migration stands. Each is written down before the act that it names; docs/migration.md draws the steps.

    planned: nothing exists yet. provisioning: the new side is being created. warming: it answers; its first, slow
    answers are got over. validating: both are asked and measured. paused: somebody must decide. canary: the new side
    has a share of the traffic. promoted: it has all, or is about to. rolled_back: the old side has all again. Both are
    alive in the last three. stable and aborted: one side is left.
    """

    PLANNED = "planned"
    PROVISIONING = "provisioning"
    WARMING = "warming"
    VALIDATING = "validating"
    PAUSED = "paused"
    CANARY = "canary"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    STABLE = "stable"
    ABORTED = "aborted"
    CLEANUP_FAILED = "cleanup_failed"

    @property
    def is_final(self) -> bool:
        """Nothing is left to do."""
        return self in (MigrationState.STABLE, MigrationState.ABORTED)

    @property
    def is_watched(self) -> bool:
        """The new side has requests in it: looks judge that side, and something may come due."""
        return self in (MigrationState.CANARY, MigrationState.PROMOTED)


class Ending(StrEnum):
    """How a migration is being closed; written down before anything is destroyed, so that a kill confuses no sides."""

    KEEP_NEW = "keep_new"
    KEEP_OLD = "keep_old"
    ABORT = "abort"

    @property
    def final_state(self) -> MigrationState:
        """The state once the other side is gone."""
        return MigrationState.ABORTED if self is Ending.ABORT else MigrationState.STABLE


_CLOSED = (MigrationState.STABLE, MigrationState.ABORTED, MigrationState.CLEANUP_FAILED)
"""Stable too: the old side may die while the new one is being given up, which is then all that is left."""

_NEXT: dict[MigrationState, tuple[MigrationState, ...]] = {
    MigrationState.PLANNED: (MigrationState.PROVISIONING, MigrationState.ABORTED),
    MigrationState.PROVISIONING: (MigrationState.WARMING, *_CLOSED),
    MigrationState.WARMING: (MigrationState.VALIDATING, *_CLOSED),
    MigrationState.VALIDATING: (MigrationState.CANARY, MigrationState.PROMOTED, MigrationState.PAUSED, *_CLOSED),
    MigrationState.PAUSED: (
        MigrationState.VALIDATING,
        MigrationState.CANARY,
        MigrationState.PROMOTED,
        MigrationState.ROLLED_BACK,
        *_CLOSED,
    ),
    MigrationState.CANARY: (
        MigrationState.PROMOTED,
        MigrationState.PAUSED,
        MigrationState.ROLLED_BACK,
        *_CLOSED,
    ),
    MigrationState.PROMOTED: (MigrationState.ROLLED_BACK, MigrationState.STABLE, MigrationState.CLEANUP_FAILED),
    MigrationState.ROLLED_BACK: (MigrationState.VALIDATING, *_CLOSED),
    MigrationState.CLEANUP_FAILED: (MigrationState.STABLE, MigrationState.ABORTED),
    MigrationState.STABLE: (),
    MigrationState.ABORTED: (),
}


def can_follow(state: MigrationState, following: MigrationState) -> bool:
    """Whether a migration may go from one state to the other; staying is always allowed."""
    return state is following or following in _NEXT[state]
