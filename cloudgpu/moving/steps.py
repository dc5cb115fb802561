"""The steps of a migration: forward, back, and to its end. Each is written down before it is done and can be repeated.

Two rules stand above all: the address always points to a side that is left, and the side that it points to is never
destroyed. A side is left while it exists and nobody asked for its end.
"""

from dataclasses import replace

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.comparison import objection
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.state import Ending, MigrationState

_BEFORE_PROMOTION = (MigrationState.PLANNED, MigrationState.PROVISIONING, MigrationState.VALIDATING)


def go_forward(migration: Migration, acts: Acts) -> Migration:
    """Create the new side, wait for it, ask both, move the address; from wherever the migration stands.

    Spends money. Raises CloudgpuError when the answers object (the migration then stays validating, nothing moved), and
    the error of a creation that failed (the migration is then aborted if nothing was left behind).
    """
    if migration.state is MigrationState.PLANNED:
        migration = _saved(migration.at(MigrationState.PROVISIONING), acts)
    if migration.state is MigrationState.PROVISIONING:
        migration = _provision(migration, acts)
    if migration.state is MigrationState.VALIDATING:
        migration = _validate(migration, acts)
    acts.move_address(migration, migration.new)
    return migration


def go_again(migration: Migration, acts: Acts) -> Migration:
    """Forward once more after a rollback, with the new side that is still alive: nothing is rented.

    Raises ConflictError when the migration was not rolled back, or the new side is no longer there.
    """
    if migration.state is not MigrationState.ROLLED_BACK or migration.ending:
        raise _open(migration)
    _check_is_left(migration.new, acts, "close this migration first: cloudgpu migrate finalize")
    if _is_left(migration.old, acts):
        acts.move_address(migration, migration.old)  # a rollback that was killed half-way is finished first
    return go_forward(_saved(migration.at(MigrationState.VALIDATING), acts), acts)


def roll_back(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Put the old side back in charge at once: the address moves, nothing is created, both stay alive.

    Raises ConflictError when the address was not moved yet, the old side is gone or being removed, or it does not
    answer (`force` moves to an old side that is left but does not answer).
    """
    if migration.state is MigrationState.ROLLED_BACK and not migration.ending:
        acts.move_address(migration, migration.old)
        return migration
    if migration.state is not MigrationState.PROMOTED or migration.ending:
        raise _no_way_back(migration)
    _check_takes_over(migration.old, acts, force=force)
    migration = _saved(migration.at(MigrationState.ROLLED_BACK), acts)
    acts.move_address(migration, migration.old)
    return migration


def finalize(migration: Migration, acts: Acts) -> Migration:
    """Keep the side that is in charge and destroy the other: exactly one of the two is billed afterwards.

    A side in charge that proves to be gone gives way to the other; when neither is left, the address is withdrawn and
    the record closed. Raises ConflictError when the address was not moved yet, or the side in charge does not answer or
    is being removed, and CleanupFailedError when the end of the other could not be confirmed (the same command tries
    again).
    """
    if migration.ending is None and migration.state not in (MigrationState.PROMOTED, MigrationState.ROLLED_BACK):
        raise _open(migration)
    keep = _side_to_keep(migration, acts)
    if _nothing_is_left(migration, acts):
        acts.withdraw_address(migration)
    else:
        _check_can_stay_alone(migration, keep, acts)
        acts.move_address(migration, keep)  # a move that was killed half-way is finished first
    return _close(_saved(replace(migration, ending=_ending_that_keeps(keep, migration), problem=None), acts), acts)


def abort(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Give the new side up and destroy it; the old one stays in charge as if nothing had happened.

    Raises ConflictError when the new side is in charge or is all that is left, or the old one does not answer (`force`
    gives the new one up all the same), and CleanupFailedError as `finalize` does.
    """
    if migration.ending in (Ending.KEEP_NEW, Ending.KEEP_OLD):
        return finalize(migration, acts)
    if migration.state is MigrationState.PROMOTED:
        raise ConflictError(
            f"{migration.new.name} is in charge of {migration.service} already",
            hint="cloudgpu migrate rollback puts the old one back in charge, then abort",
        )
    if _nothing_is_left(migration, acts):
        acts.withdraw_address(migration)
    else:
        _check_old_is_left(migration, acts)
        if not force:
            _check_can_stay_alone(migration, migration.old, acts)
        _finish_rollback(migration, acts)
    return _close(_saved(replace(migration, ending=Ending.ABORT, problem=None), acts), acts)


def resume(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Go on with whatever was interrupted: the way forward, a move of the address, or the end.

    `force` goes on although the answers object, or the old side does not answer when the new one is given up. Raises
    ConflictError when the migration is closed, and what the continued step raises.
    """
    if migration.state.is_final:
        raise ConflictError(f"the migration {migration.migration_id} is {migration.state}: nothing is left to do")
    if migration.ending:
        return abort(migration, acts, force=force)
    if migration.state is MigrationState.ROLLED_BACK:
        acts.move_address(migration, migration.old)
        return migration
    return go_forward(replace(migration, force=force or migration.force), acts)


def _saved(migration: Migration, acts: Acts) -> Migration:
    acts.save(migration)
    return migration


def _provision(migration: Migration, acts: Acts) -> Migration:
    try:
        token = acts.provision(migration)
    except CleanupFailedError as error:
        _saved(_cleanup_failed(replace(migration, ending=Ending.ABORT), error), acts)
        raise
    except CloudgpuError as error:
        _saved(_after_failed_creation(migration, error, acts), acts)
        raise
    created = replace(migration, new=Side(migration.new.name, token))
    return _saved(created.at(MigrationState.VALIDATING), acts)


def _after_failed_creation(migration: Migration, error: CloudgpuError, acts: Acts) -> Migration:
    left = acts.exists(migration.new)
    state = MigrationState.PROVISIONING if left else MigrationState.ABORTED
    return replace(migration.at(state), problem=error.message)


def _validate(migration: Migration, acts: Acts) -> Migration:
    _check_is_left(migration.new, acts, "give it up: cloudgpu migrate abort")
    comparisons = acts.ask_both(migration)
    migration = replace(migration, comparisons=comparisons)
    against = objection(comparisons)
    if against and not migration.force:
        _saved(replace(migration, problem=against), acts)
        raise CloudgpuError(
            f"{migration.service} stays on {migration.old.name}: {against}",
            hint="both still run and bill: cloudgpu migrate resume asks again (--force moves all the same), "
            "cloudgpu migrate abort gives the new one up",
        )
    return _saved(migration.at(MigrationState.PROMOTED), acts)


def _is_left(side: Side, acts: Acts) -> bool:
    return acts.exists(side) and not acts.is_ending(side)


def _nothing_is_left(migration: Migration, acts: Acts) -> bool:
    return not any(_is_left(side, acts) for side in (migration.old, migration.new))


def _check_is_left(side: Side, acts: Acts, hint: str) -> None:
    if not acts.exists(side):
        raise ConflictError(f"{side.name} no longer exists, so it cannot take over", hint=hint)
    if acts.is_ending(side):
        raise ConflictError(f"{side.name} is being removed, so it cannot take over", hint=hint)


def _check_takes_over(side: Side, acts: Acts, *, force: bool) -> None:
    _check_is_left(side, acts, "see: cloudgpu migrate status")
    if not force and not acts.is_healthy(side):
        raise ConflictError(
            f"{side.name} does not answer, so it cannot take over",
            hint="look at it: cloudgpu status; --force moves the address all the same",
        )


def _finish_rollback(migration: Migration, acts: Acts) -> None:
    """A rollback that was killed half-way left the address on the new side."""
    if migration.state is MigrationState.ROLLED_BACK:
        acts.move_address(migration, migration.old)


def _side_to_keep(migration: Migration, acts: Acts) -> Side:
    """The side in charge, the other one when that is gone."""
    spare = migration.spare
    in_charge = migration.new if spare == migration.old else migration.old
    return spare if _is_left(spare, acts) and not acts.exists(in_charge) else in_charge


def _ending_that_keeps(keep: Side, migration: Migration) -> Ending:
    if keep == migration.new:
        return Ending.KEEP_NEW
    return Ending.ABORT if migration.ending is Ending.ABORT else Ending.KEEP_OLD


def _check_old_is_left(migration: Migration, acts: Acts) -> None:
    if not _is_left(migration.old, acts):
        raise ConflictError(
            f"{migration.old.name} is gone or going: {migration.new.name} is all that is left of {migration.service}",
            hint=f"put it in charge: {_way_to_new(migration)}; or remove it: cloudgpu down {migration.new.name}",
        )


def _way_to_new(migration: Migration) -> str:
    closing = migration.ending or migration.state is MigrationState.ROLLED_BACK
    return "cloudgpu migrate finalize" if closing else "cloudgpu migrate resume"


def _check_can_stay_alone(migration: Migration, keep: Side, acts: Acts) -> None:
    other = migration.old if keep == migration.new else migration.new
    if acts.is_healthy(keep) or not _is_left(other, acts):
        return
    if acts.is_ending(keep):
        back = f"{_way_back_from(keep, migration)}, or " if migration.ending is None else ""
        raise ConflictError(
            f"{keep.name} is being removed, so {other.name} is not destroyed",
            hint=f"{back}let it go: cloudgpu down {keep.name}, then cloudgpu migrate finalize",
        )
    raise ConflictError(
        f"{keep.name} does not answer, so {other.name} is not destroyed", hint=_way_back_from(keep, migration)
    )


def _way_back_from(keep: Side, migration: Migration) -> str:
    if keep == migration.new:
        return "cloudgpu migrate rollback"
    return f"look at it: cloudgpu status; cloudgpu migrate abort --force gives {migration.new.name} up all the same"


def _close(migration: Migration, acts: Acts) -> Migration:
    ending = migration.ending
    assert ending is not None
    loser = migration.spare
    if acts.serving(migration.service) == loser.name and acts.exists(loser):
        raise ConflictError(
            f"the address of {migration.service} points to {loser.name}, so it is not destroyed",
            hint="see: cloudgpu migrate status",
        )
    try:
        acts.destroy(loser)
    except CleanupFailedError as error:
        _saved(_cleanup_failed(migration, error), acts)
        raise
    return _saved(replace(migration.at(ending.final_state), ending=None), acts)


def _cleanup_failed(migration: Migration, error: CloudgpuError) -> Migration:
    return replace(migration.at(MigrationState.CLEANUP_FAILED), problem=error.message)


def _open(migration: Migration) -> ConflictError:
    return ConflictError(
        f"the migration {migration.migration_id} of {migration.service} "
        f"({migration.old.name} → {migration.new.name}) is {migration.state}",
        hint=f"go on with it: {ways_out(migration)}",
    )


def ways_out(migration: Migration) -> str:
    """The commands that continue or close an open migration, for a hint."""
    if migration.ending or migration.state is MigrationState.CLEANUP_FAILED:
        return "cloudgpu migrate resume"
    if migration.state in _BEFORE_PROMOTION:
        return "cloudgpu migrate resume, or give it up: cloudgpu migrate abort"
    if migration.state is MigrationState.PROMOTED:
        return "cloudgpu migrate finalize, or cloudgpu migrate rollback"
    return "cloudgpu migrate finalize keeps the old side"


def _no_way_back(migration: Migration) -> ConflictError:
    if migration.state in _BEFORE_PROMOTION:
        return ConflictError(
            f"{migration.old.name} is still in charge of {migration.service}: there is nothing to roll back",
            hint="give the new one up: cloudgpu migrate abort",
        )
    if migration.is_open:
        return ConflictError(
            f"the migration {migration.migration_id} is being closed: its losing side may be gone already",
            hint="cloudgpu migrate resume",
        )
    return ConflictError(
        f"{migration.old.name} is gone or going, so there is no way back to it",
        hint="see: cloudgpu migrate status",
    )
