"""Watching a migration: `migrate follow`, the waits of a canary, and the one look of `migrate status`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, StoppedByUserError, StoreError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.rental import request_again
from cloudgpu.cli.migrate.world import LOOK, acts_on, at_work, meant_migration, read_again
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.window import advance, look

if TYPE_CHECKING:
    from cloudgpu.moving.acts import Acts
    from cloudgpu.moving.hook import HookResult

_EVERY_S = 15.0
_AT_LEAST_REAL_S = 0.5
_ENDS_IT = (CleanupFailedError, StoppedByUserError, StoreError)
"""What a later look cannot make up for; a provider that is silent, or a gateway that cannot be started, it can."""

_WATCHED = (MigrationState.CANARY, MigrationState.PROMOTED)


def follow_it(which: str | None, *, once: bool, as_json: bool) -> None:
    """Watch until nothing goes on by itself any more, or look once. Ends as `show_outcome` says."""
    session = open_session()
    hooks: list[HookResult] = []
    migration = meant_migration(session, which)
    if once:
        before, migration = migration, _turn(session, migration, advance, hooks)
        _tell_moves(before, migration)  # its problem is the error that this ends with
    else:
        migration = watch(session, migration, hooks, until=lambda each: each.due is None)
    show_outcome(session, migration, hooks, strict=True, as_json=as_json)


def watch(
    session: Session, migration: Migration, hooks: "list[HookResult]", *, until: Callable[[Migration], bool]
) -> Migration:
    """Look again and again, a quarter of a minute of the provider's clock apart, and say what changes.

    An end that has begun and could not be finished is tried again as well.
    """
    clock = session.clock(migration.provider)
    while (migration.ending or migration.state in _WATCHED) and not until(migration):
        due = None if migration.ending else migration.due
        left_s = (due - clock.now()).total_seconds() if due else _EVERY_S
        clock.sleep(max(0.0, min(_EVERY_S, left_s)))
        SystemClock().sleep(_AT_LEAST_REAL_S)
        try:
            seen = _turn(session, migration, advance, hooks)
        except _ENDS_IT:
            raise
        except CloudgpuError as error:
            render.progress(f"This look came to nothing: {error.message}")
            seen = read_again(session, migration)
        _tell(migration, seen)
        migration = seen
    return migration


def look_once(session: Session, migration: Migration) -> Migration:
    """The migration after a look at its sides; as it was recorded when that cannot be."""
    if not migration.is_open:
        return migration
    try:
        seen = _turn(session, migration, look, [])
    except _ENDS_IT:
        raise
    except CloudgpuError as error:
        render.progress(f"Shown as it was recorded: {error.message}")
        return migration
    _tell(migration, seen)
    return seen


def _turn(
    session: Session, migration: Migration, act: "Callable[[Migration, Acts], Migration]", hooks: "list[HookResult]"
) -> Migration:
    with at_work(session, migration, LOOK) as progress:
        now = read_again(session, migration)
        return act(now, acts_on(session, now, progress, lambda each: request_again(session, each), hooks))


def _tell(before: Migration, now: Migration) -> None:
    """A line for each thing that changed by itself."""
    if now.problem and now.problem != before.problem:
        render.progress(f"! {now.problem}")
    _tell_moves(before, now)


def _tell_moves(before: Migration, now: Migration) -> None:
    if now.state is not before.state or now.step != before.step:
        share = f", {now.new_percent} % to {now.new.name}" if now.is_sharing and not now.ending else ""
        render.progress(f"{now.migration_id} is {now.state}{share}.")
    if now.due and before.due and now.extended != before.extended:
        render.progress(f"! {now.old.name} is kept until {now.due:%Y-%m-%d %H:%M} UTC.")
