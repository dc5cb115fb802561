"""Watching a migration: `migrate follow`, the waits of a canary, and the one look of `migrate status`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, StoppedByUserError, StoreError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.rental import request_again
from cloudgpu.cli.migrate.standing import Standing, standing
from cloudgpu.cli.migrate.view import as_json as json_of
from cloudgpu.cli.migrate.view import error_json, hook_json, show_moved
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
    """Watch until nothing goes on by itself any more, or look once. Ends with 1 as `show_watched` says."""
    session = open_session()
    hooks: list[HookResult] = []
    migration = meant_migration(session, which)
    if once:
        before, migration = migration, _turn(session, migration, advance, hooks)
        _tell_moves(before, migration)  # its problem is the error that this ends with
    else:
        migration = watch(session, migration, hooks, until=lambda each: each.due is None)
    show_watched(session, migration, hooks, as_json=as_json)


def watch(
    session: Session, migration: Migration, hooks: "list[HookResult]", *, until: Callable[[Migration], bool]
) -> Migration:
    """Look again and again, a quarter of a minute of the provider's clock apart, and say what changes."""
    clock = session.clock(migration.provider)
    while migration.state in _WATCHED and not migration.ending and not until(migration):
        left_s = (migration.due - clock.now()).total_seconds() if migration.due else _EVERY_S
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


def show_watched(session: Session, migration: Migration, hooks: "list[HookResult]", *, as_json: bool) -> None:
    """How it stands once nobody watches any more.

    When it ended elsewhere than it was meant to, a script must not go on: raises CloudgpuError, or as JSON ends with
    its status, the error standing in the one document. Ends with 6 when an end could not be confirmed.
    """
    now = standing(session, migration)
    error = _unmeant(now)
    if as_json:
        told = {"migration": json_of(now), "hook": hook_json(hooks)}
        render.out_json(told | ({"error": error_json(error)} if error else {}))
        if error:
            render.progress(f"Error: {error.message}")
            raise typer.Exit(error.exit_status)
    elif migration.is_open:
        show_moved(session, migration)
    else:
        render.text(f"{migration.service} is served by {now.serving or 'nothing'}; the "
                    f"migration is {migration.state}.")  # fmt: skip
    if error:
        raise error
    if migration.state is MigrationState.CLEANUP_FAILED:
        raise typer.Exit(6)


def _unmeant(now: Standing) -> CloudgpuError | None:
    """What a script must not go on after, with the ways that `status` shows; None when all is as it was meant."""
    migration = now.migration
    if not migration.is_open or migration.ending:
        return None
    if migration.state is MigrationState.PAUSED:
        unserved = f"; {now.unserved}" if now.unserved else ""
        problem = f"{migration.service} stays as it is: {migration.problem or 'paused'}{unserved}"
    elif migration.state is MigrationState.ROLLED_BACK and migration.problem:
        problem = f"{migration.old.name} serves {migration.service} again: {migration.problem}"
    else:
        problem = migration.problem or now.unserved or now.idle or ""
    return CloudgpuError(problem, hint=f"see: cloudgpu migrate status; {now.hint}") if problem else None


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
