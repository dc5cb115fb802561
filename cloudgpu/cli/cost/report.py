"""`cloudgpu cost`: what was spent, and what still bills."""

from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudgpu.accounting.report import Report
    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.cli.session import Session


class By(StrEnum):
    """What the report is grouped by."""

    DEPLOYMENT = "deployment"
    MODEL = "model"
    PROVIDER = "provider"
    GPU = "gpu"
    METER = "meter"
    MIGRATION = "migration"
    DAY = "day"
    HOUR = "hour"


Offline = Annotated[bool, typer.Option("--offline", help="Do not read the providers' bills and balances again.")]
Since = Annotated[str | None, typer.Option(metavar="DAY", help="From this day or time of UTC on: 2026-11-01.")]
Until = Annotated[str | None, typer.Option(metavar="DAY", help="Up to the end of this day, or this time.")]


def cost(
    context: typer.Context,
    by: Annotated[By, typer.Option("--by", help="Group the sums.")] = By.DEPLOYMENT,
    since: Since = None,
    until: Until = None,
    watch: Annotated[
        int | None, typer.Option(min=2, metavar="SECONDS", help="Show it again every so often, until Ctrl-C.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    offline: Offline = False,
) -> None:
    """What was spent, hour by hour, and what still bills.

    The provider's own bill counts where it could be read; the rest is metered from what was seen. Exit status 6 when
    something may bill that nobody can vouch for; 5 when something may bill at a provider that could not be asked, 4
    when it refuses the key.
    """
    if context.invoked_subcommand:
        return None
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.cost.reading import days, end_of
    from cloudgpu.cli.cost.view import show, show_json
    from cloudgpu.cli.full_journal import acted, end_of_report
    from cloudgpu.cli.session import open_session

    if watch and json:
        raise UsageError("--watch is for people, --json for programs", hint="give one of them")
    days(since, until)  # a wrong day is refused before anything is opened or asked
    session = open_session()
    if watch:
        again = partial(_told, session, by.value, since, until, offline=offline, again=True)
        _watch(lambda: acted(session, again), watch)
        return end_of_report(session)
    told, notes, unasked = acted(session, lambda: _told(session, by.value, since, until, offline=offline))
    (show_json if json else show)(told, notes)
    end_of(told.billing_now, unasked=unasked)
    return end_of_report(session)


def _told(
    session: "Session", by: str, since: str | None, until: str | None, *, offline: bool, again: bool = False
) -> "tuple[Report, list[str], CloudgpuError | None]":
    from cloudgpu.accounting.report import report  # loaded only when it is asked for, as everything here
    from cloudgpu.cli.cost.reading import bounded, days, read

    first, last = days(since, until)
    history, moments, notes, unasked = read(session, offline=offline, at_once=not again, since=first)
    if history.budget is not None:
        from cloudgpu.cli.alerts.notes import budget_notes

        notes += budget_notes(session, history, moments)
    return report(history, bounded(moments, last), by, first, moments if last else None), notes, unasked


def _watch(tell: "Callable[[], tuple[Report, list[str], CloudgpuError | None]]", seconds: int) -> None:
    """Show it again and again; at Ctrl-C it ends as the last one that was shown does."""
    from cloudgpu.base.clock import SystemClock
    from cloudgpu.cli import render
    from cloudgpu.cli.cost.reading import end_of
    from cloudgpu.cli.cost.view import show

    clock, told, unasked = SystemClock(), None, None
    with suppress(KeyboardInterrupt):
        while True:
            told, notes, unasked = tell()
            render.clear()
            show(told, notes)
            render.note(f"Again every {seconds} s; Ctrl-C ends it.")
            clock.sleep(seconds)
    end_of(told.billing_now if told else (), unasked=unasked)
