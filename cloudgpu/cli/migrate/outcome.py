"""How a migration stands after a command, and what the side that was given up cost in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import typer

from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.tally import total
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.standing import Standing, standing
from cloudgpu.cli.migrate.view import as_json as migration_json
from cloudgpu.cli.migrate.view import error_json, hook_json, show_brings_back, show_final_bill, show_moved
from cloudgpu.cli.session import Session
from cloudgpu.moving.hook import HookResult
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.untold import Untold
from cloudgpu.moving.ways_on import typed


def show_outcome(
    session: Session,
    migration: Migration,
    hooks: Sequence[HookResult],
    *,
    strict: bool,
    as_json: bool,
    known: Untold | None = None,
) -> None:
    """Who serves now and what can be done next; of a migration that is closed, the last bill of the side that went.

    `strict` is for what goes on by itself: when it ended elsewhere than it was meant to, a script must not go on. Nor
    must it while a hook could not be told of the move; `known` is what was untold before, which closing the migration
    accepts. Raises CloudgpuError then, or as JSON ends with its status, the error standing in the one document. Ends
    with 6 when an end could not be confirmed.
    """
    now = standing(session, migration)
    error = _error(now, strict=strict, known=known)
    if not as_json:
        _show(session, now)
    else:
        render.out_json(_document(now, hooks, error))
        if error:
            render.progress(f"Error: {error.message}")
            raise typer.Exit(error.exit_status)
    if error:
        raise error
    if now.may_bill:
        raise typer.Exit(CleanupFailedError.exit_status)


@dataclass(frozen=True, slots=True)
class Looked:
    """One of several migrations after looks at it; `error` is what kept the last one from being done."""

    migration: Migration
    hooks: Sequence[HookResult]
    error: CloudgpuError | None


def show_outcomes(session: Session, looked: Sequence[Looked], *, as_json: bool) -> None:
    """The same of several, strictly, with the error of each beside it; ends with the highest of their statuses.

    As JSON `migrations` is a list of the documents that each would be alone.
    """
    documents, worst = [], 0
    for each in looked:
        now = standing(session, each.migration)
        error = each.error or _error(now, strict=True, known=None)
        documents.append(_document(now, each.hooks, error))
        if not as_json:
            _show(session, now)
            render.text()
        if error:
            render.progress(f"Error: {error.message}")
            render.progress(f"Hint: {error.hint or 'see: cloudgpu migrate status'}")
        failed = error or (CleanupFailedError if now.may_bill else None)
        worst = max(worst, failed.exit_status if failed else 0)
    if as_json:
        render.out_json({"migrations": documents})
    if worst:
        raise typer.Exit(worst)


def _show(session: Session, now: Standing) -> None:
    if now.migration.is_open:
        show_moved(session, now.migration)
    else:
        _show_closed(session, now)


def _document(now: Standing, hooks: Sequence[HookResult], error: CloudgpuError | None) -> dict[str, Any]:
    told = {"migration": migration_json(now), "hook": hook_json(hooks)}
    return told | ({"error": error_json(error)} if error else {})


def _show_closed(session: Session, now: Standing) -> None:
    migration = now.migration
    serving = now.serving or "nothing"
    render.text(f"The service {migration.service} is served by {serving}; the migration is {migration.state}.")
    for life in (now.old, now.new):
        if life is not None and life.state.is_final:
            show_final_bill(life.name, *_whole_cost(session, life.token))
    show_brings_back(now)


def _error(now: Standing, *, strict: bool, known: Untold | None) -> CloudgpuError | None:
    """What a script must not go on after, with the ways that `status` shows; None when all is as it was meant."""
    if now.migration.state is MigrationState.CLEANUP_FAILED:
        return None
    unmeant, untold = _unmeant(now) if strict else "", _untold(now.migration, known)
    problem = "; ".join(each for each in (unmeant, untold if untold not in unmeant else "") if each)
    by_hand = "" if now.migration.is_open else "tell whatever the hook was to tell by hand; "
    return (
        CloudgpuError(problem, hint=f"{by_hand}see: {typed('cloudgpu migrate status', now.name)}; {now.hint}")
        if problem
        else None
    )


def _untold(migration: Migration, known: Untold | None) -> str:
    """The move is done, but the hook knows nothing of it; empty when it does, or the end was asked for all the same."""
    if migration.untold is None or not (migration.is_open or known is None):
        return ""
    return migration.untold.told


def _unmeant(now: Standing) -> str:
    """Where it ended that was to go on by itself; empty when all is as it was meant."""
    migration = now.migration
    if not migration.is_open:
        return ""
    if migration.ending:
        return migration.problem or f"the migration {migration.migration_id} is not closed yet"
    if migration.state is MigrationState.PAUSED:
        unserved = f"; {now.unserved}" if now.unserved else ""
        return f"{migration.service} stays as it is: {migration.problem or 'paused'}{unserved}"
    if migration.state is MigrationState.ROLLED_BACK and migration.problem:
        return f"{migration.old.name} has all requests again: {migration.problem}"
    return migration.problem or now.unserved or now.idle or ""


def _whole_cost(session: Session, token: str) -> tuple[Decimal, str]:
    events = [event for event in session.store.events() if event.token == token]
    far = max([SystemClock().now(), *(event.at for event in events)])
    line = total(token, fold(events, far))
    return line.total_usd, line.source.value
