"""The way back: all traffic to the old side at once, or a pause. Nothing is created, nothing is measured first."""

from dataclasses import replace

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.footing import SILENCE
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.sides import being_closed, check_is_left, is_left, noted, saved, stands_at, to_type, ways_now
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.ways_on import BEFORE_SHARING


def roll_back(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Put the old side back in charge at once: the traffic moves, nothing is created, both stay alive.

    Raises ConflictError when the new side has no traffic yet, the old side is gone or being removed, or it does not
    answer (`force` moves to an old side that is left but does not answer).
    """
    if migration.state is MigrationState.ROLLED_BACK and not migration.ending:
        return acts.share(migration)
    if not migration.standing.is_watched or migration.ending:
        raise _no_way_back(migration, acts)
    if not is_left(migration.old, acts) or not (force or acts.is_healthy(migration.old)):
        raise _cannot_take_over(migration, acts)
    return back_to_old(migration, acts, problem=None)


def back_to_old(migration: Migration, acts: Acts, *, problem: str | None) -> Migration:
    """The move itself, for whoever has looked at the old side. `problem` says why, None when somebody asked for it."""
    back = replace(migration.at(MigrationState.ROLLED_BACK), due=None, problem=problem)
    return acts.share(saved(back, acts))


def pause(migration: Migration, acts: Acts) -> Migration:
    """Stay where it stands until `promote` or `resume`: the shares of the traffic stay as they are.

    Raises ConflictError for a state in which nothing would go on by itself.
    """
    if migration.state is MigrationState.PAUSED:
        return migration
    if migration.state not in (MigrationState.VALIDATING, MigrationState.CANARY) or migration.ending:
        raise stands_at(migration, acts)
    paused = saved(replace(migration.paused("paused by hand"), due=None), acts)
    # A step that was cut off before it moved the traffic moves it now.
    return noted(acts.share(paused), acts)


def _cannot_take_over(migration: Migration, acts: Acts) -> ConflictError:
    ways = ways_now(migration, acts)
    try:
        check_is_left(migration.old, acts, ways)
    except ConflictError as error:
        return error
    return ConflictError(
        f"{migration.old.name} {acts.found(migration.old) or SILENCE}, so it cannot take over",
        hint=f"{ways}; all the same: {to_type('rollback --force', migration, acts)}",
    )


def _no_way_back(migration: Migration, acts: Acts) -> ConflictError:
    ways = ways_now(migration, acts) or f"see: {to_type('status', migration, acts)}"
    if migration.replaces and migration.state in BEFORE_SHARING[1:]:
        return ConflictError(f"{migration.old.name} was to go first: there is no way back to it", hint=ways)
    if migration.standing in BEFORE_SHARING:
        return ConflictError(
            f"{migration.old.name} is still in charge of {migration.service}: there is nothing to roll back", hint=ways
        )
    if migration.is_open:
        return being_closed(migration, acts)
    return ConflictError(f"{migration.old.name} is gone or going, so there is no way back to it", hint=ways)
