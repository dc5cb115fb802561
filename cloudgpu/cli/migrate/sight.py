"""Watching a migration: `migrate follow`, the waits of a canary, and the one look of `migrate status`."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, StoppedByUserError, StoreError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.rental import request_again
from cloudgpu.cli.migrate.shares import state_told
from cloudgpu.cli.migrate.world import LOOK, acts_on, at_work, meant_migration, read_again, stopped
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.window import advance, look

if TYPE_CHECKING:
    from cloudgpu.moving.acts import Acts
    from cloudgpu.moving.hook import HookResult

_EVERY_S = 15.0
_AT_LEAST_REAL_S = 0.5
_SAYS_EVERY = timedelta(minutes=5)
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

    An end that has begun and could not be finished is tried again as well. What was seen is said at the first look, and
    every few minutes, so that whoever watches knows that it is watched.
    """
    clock = session.clock(migration.provider)
    if _goes_on(migration) and not until(migration):
        render.progress(f"Watching, a look every {_EVERY_S:.0f} s; Ctrl-C ends that alone. {_stands(migration)}.")
    said_at = clock.now() - _SAYS_EVERY
    while _goes_on(migration) and not until(migration):
        due = None if migration.ending else migration.due
        left_s = (due - clock.now()).total_seconds() if due else _EVERY_S
        try:
            clock.sleep(max(0.0, min(_EVERY_S, left_s)))
            SystemClock().sleep(_AT_LEAST_REAL_S)
            seen = _turn(session, migration, advance, hooks)
        except _ENDS_IT:
            raise
        except CloudgpuError as error:
            render.progress(f"This look came to nothing: {error.message}")
            seen = read_again(session, migration)
        except KeyboardInterrupt:
            raise stopped(session, migration) from None
        _tell(migration, seen)
        if _goes_on(seen) and clock.now() - said_at >= _SAYS_EVERY:
            said_at = clock.now()
            render.progress(f"{said_at:%H:%M} UTC: {_seen(seen)}")
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
        render.progress(f"{_stands(now)}.")
    if now.due and before.due and now.extended != before.extended:
        render.progress(f"! {now.old.name} is kept until {now.due:%Y-%m-%d %H:%M} UTC.")


def _goes_on(migration: Migration) -> bool:
    return migration.ending is not None or migration.state in _WATCHED


def _stands(migration: Migration) -> str:
    """Its state, who gets what, and what is waited for."""
    if migration.ending and migration.is_open:
        return f"{state_told(migration)} and is being closed"
    return "; ".join(filter(None, (state_told(migration), _awaited(migration))))


def _awaited(migration: Migration) -> str:
    """What comes when; empty when somebody must say so."""
    if migration.due is None or not migration.is_open:
        return ""
    what = f"{migration.old.name} goes" if migration.state is MigrationState.PROMOTED else "the next step comes"
    return f"{what} after {migration.due:%H:%M} UTC"


def _seen(migration: Migration) -> str:
    """What the last look found, with the counters also while they are too few to judge."""
    checks = migration.live.checks if migration.live else ()
    found = [each.reason for each in checks if each.outcome is not Outcome.NOT_JUDGED or each.name == "errors"]
    return "; ".join(filter(None, (*found, _awaited(migration)))) or state_told(migration)
