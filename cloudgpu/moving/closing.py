"""The end of a migration: keep one side, destroy the other, whatever was cut off in between.

Two rules stand above all: requests always have a side to go to that is left, and a side that they may reach is never
destroyed.
"""

from dataclasses import replace

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.footing import SILENCE
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.sides import being_closed, is_left, nothing_is_left, saved, stands_at, to_type, ways_now
from cloudgpu.moving.state import Ending, MigrationState


def finish(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Go on with whichever end was begun, with the side that it keeps. `force` is for an abort, see there.

    Raises what `finalize` and `abort` raise.
    """
    return abort(migration, acts, force=force) if migration.ending is Ending.ABORT else finalize(migration, acts)


def finalize(migration: Migration, acts: Acts) -> Migration:
    """Keep the side that is in charge and destroy the other: exactly one of the two is billed afterwards.

    A side in charge that proves to be gone gives way to the other; when neither is left, the address is withdrawn and
    the record closed. An abort that was begun keeps the same side, and is finished. Raises ConflictError when the
    traffic was not moved yet, or the side in charge does not answer or is being removed, and CleanupFailedError when
    the end of the other could not be confirmed (the same command tries again).
    """
    if migration.ending is None and migration.state not in (MigrationState.PROMOTED, MigrationState.ROLLED_BACK):
        raise stands_at(migration, acts)
    keep = _side_to_keep(migration, acts)
    closing = replace(migration, ending=_ending_that_keeps(keep, migration), problem=None)
    if nothing_is_left(migration, acts):
        acts.withdraw_address(migration)
    else:
        _check_can_stay_alone(migration, keep, acts)
        closing = acts.share(closing)  # a move that was killed half-way is finished first
    return _close(saved(closing, acts), acts)


def abort(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Give the new side up and destroy it; the old one stays in charge as if nothing had happened.

    Raises ConflictError when the new side is in charge or is all that is left, another end was begun, or the old side
    does not answer (`force` gives the new one up all the same), and CleanupFailedError as `finalize` does.
    """
    if migration.ending in (Ending.KEEP_NEW, Ending.KEEP_OLD):
        raise being_closed(migration, acts)
    if migration.state is MigrationState.PROMOTED:
        raise ConflictError(
            f"{migration.new.name} is in charge of {migration.service} already",
            hint=ways_now(migration, acts),
        )
    closing = replace(migration, ending=Ending.ABORT, problem=None)
    if nothing_is_left(migration, acts):
        acts.withdraw_address(migration)
    elif not _gave_way(migration, acts):
        _check_old_is_left(migration, acts)
        if not force:
            _check_can_stay_alone(migration, migration.old, acts)
        if migration.is_sharing or migration.replaces:  # a replacement may have been cut off as the old side left
            closing = acts.share(closing)
    return _close(saved(closing, acts), acts)


def _gave_way(migration: Migration, acts: Acts) -> bool:
    """The old side went first, as was agreed, and the new one has never answered: giving it up leaves nothing."""
    return migration.replaces and migration.state is MigrationState.PROVISIONING and not acts.exists(migration.old)


def _side_to_keep(migration: Migration, acts: Acts) -> Side:
    """The side in charge, the other one when that is gone."""
    spare = migration.spare
    in_charge = migration.new if spare == migration.old else migration.old
    return spare if is_left(spare, acts) and not acts.exists(in_charge) else in_charge


def _ending_that_keeps(keep: Side, migration: Migration) -> Ending:
    if keep == migration.new:
        return Ending.KEEP_NEW
    return Ending.ABORT if migration.ending is Ending.ABORT else Ending.KEEP_OLD


def _check_old_is_left(migration: Migration, acts: Acts) -> None:
    if not is_left(migration.old, acts):
        raise ConflictError(
            f"{migration.old.name} is gone or going: {migration.new.name} is all that is left of {migration.service}",
            hint=ways_now(migration, acts),
        )


def _check_can_stay_alone(migration: Migration, keep: Side, acts: Acts) -> None:
    other = migration.old if keep == migration.new else migration.new
    if acts.is_healthy(keep) or not is_left(other, acts):
        return
    why = "is being removed" if acts.is_ending(keep) else acts.found(keep) or SILENCE
    raise ConflictError(f"{keep.name} {why}, so {other.name} is not destroyed", hint=ways_now(migration, acts))


def _close(migration: Migration, acts: Acts) -> Migration:
    ending = migration.ending
    assert ending is not None
    loser = migration.spare
    acts.detach(loser)
    if acts.reaches(loser) and acts.exists(loser):
        raise ConflictError(
            f"requests of {migration.service} may still reach {loser.name}, so it is not destroyed",
            hint=f"{to_type('resume', migration, acts)} tries again; see: {to_type('status', migration, acts)}",
        )
    try:
        acts.destroy(loser)
    except CleanupFailedError as error:
        saved(_cleanup_failed(migration, error), acts)
        raise
    return saved(replace(migration.at(ending.final_state), ending=None), acts)


def _cleanup_failed(migration: Migration, error: CloudgpuError) -> Migration:
    return replace(migration.at(MigrationState.CLEANUP_FAILED), problem=error.message)
