"""`cloudgpu cost` and `cloudgpu cost export`: what was spent, what still bills, and files of it."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudgpu.accounting.report import Billing
    from cloudgpu.base.events import Event
    from cloudgpu.cli.session import Session


class By(StrEnum):
    """What the report is grouped by."""

    DEPLOYMENT = "deployment"
    MODEL = "model"
    PROVIDER = "provider"
    GPU = "gpu"
    METER = "meter"
    DAY = "day"
    HOUR = "hour"


class FileFormat(StrEnum):
    """The formats of `cost export`."""

    CSV = "csv"
    JSON = "json"


Offline = Annotated[bool, typer.Option("--offline", help="Do not read the providers' bills again.")]


def register(app: typer.Typer) -> None:
    """Add `cost` and `cost export`."""
    group = typer.Typer(invoke_without_command=True, help="What was spent, hour by hour, and what still bills.")
    group.callback()(cost)
    group.command("export")(export)
    app.add_typer(group, name="cost")


def cost(
    context: typer.Context,
    by: Annotated[By, typer.Option("--by", help="Group the sums.")] = By.DEPLOYMENT,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    offline: Offline = False,
) -> None:
    """What was spent, hour by hour, and what still bills.

    The provider's own bill counts where it could be read; the rest is metered from what was seen. Exit status 6 when
    something may bill that nobody can vouch for.
    """
    if context.invoked_subcommand:
        return
    from cloudgpu.accounting.report import report  # loaded only by this command, as everything below
    from cloudgpu.cli.cost_view import show, show_json
    from cloudgpu.cli.session import open_session

    session = open_session()
    moments = _moments(session)
    events, notes = _events_with_bills(session, offline=offline)
    told = report(events, moments, by.value)
    if json:
        show_json(told, notes)
    else:
        show(told, notes)
    _end(told.billing_now)


def export(
    file_format: Annotated[FileFormat, typer.Option("--format", "-f", help="The form of the file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; without it, stdout.")] = None,
    offline: Offline = False,
) -> None:
    """Write one row per deployment and hour of UTC: hours, GPU, disk and download dollars, exact to the last digit."""
    from cloudgpu.accounting.exports.csv import csv_text
    from cloudgpu.accounting.exports.json import json_text
    from cloudgpu.accounting.exports.rows import hour_rows, totals
    from cloudgpu.accounting.ledger import fold
    from cloudgpu.accounting.report import billing_now
    from cloudgpu.cli import render
    from cloudgpu.cli.cost_file import check_place, write
    from cloudgpu.cli.session import open_session

    check_place(output)
    session = open_session()
    moments = _moments(session)
    events, notes = _events_with_bills(session, offline=offline)
    rows = hour_rows(fold(events, moments))
    text = csv_text(rows) if file_format is FileFormat.CSV else json_text(rows, max(moments.values()))
    write(text, output)
    for note in notes:
        render.progress(note)
    if output is not None:
        render.progress(f"{len(rows)} rows, ${totals(rows)['total_usd']} in {output}")
    _end(billing_now(events))


def _end(billing: "Sequence[Billing]") -> None:
    """Exit status 6 when something may bill that nobody can vouch for."""
    if any(each.cleanup_failed or not each.certain for each in billing):
        typer.echo("Something may bill that nobody can vouch for: cloudgpu status", err=True)
        raise typer.Exit(6)


def _events_with_bills(session: "Session", *, offline: bool) -> "tuple[Sequence[Event], list[str]]":
    """The journal after the bills of everything that is not settled were read again; notes on those that were not."""
    from cloudgpu.accounting.ledger import wants_bill
    from cloudgpu.accounting.life import lives
    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.running.deployment import read_bill

    events = session.store.events()
    if offline:
        return events, []
    silent: dict[str, str] = {}
    for life in lives(events):
        deployment = session.store.life(life.token)
        if deployment is None or life.provider in silent:
            continue
        try:
            clock = session.clock(life.provider)
            if wants_bill(life, clock.now()):
                read_bill(deployment, session.provider(life.provider), session.emit, clock)
        except CloudgpuError as error:
            silent[life.provider] = error.message
    notes = [
        f"The bill of {name} could not be read, so its newest figures are metered: {why}."
        for name, why in silent.items()
    ]
    return session.store.events(), notes


def _moments(session: "Session") -> dict[str, datetime]:
    """Up to when the report tells of each provider: its clock's now, before the bills are read, so that they reach it.

    A stopped emulator's clock stands still, like its bill.
    """
    from cloudgpu.base.clock import SystemClock

    events = session.store.events()
    names = {event.provider for event in events if event.provider}
    moments = {name: _moment(session, name, events) for name in names}
    return moments or {"none": SystemClock().now()}


def _moment(session: "Session", name: str, events: "Sequence[Event]") -> datetime:
    from cloudgpu.accounting.ledger import as_of
    from cloudgpu.cli.session import EMULATED

    if name in EMULATED and not _emulator_runs(session):
        return max(event.at for event in events if event.provider == name)
    return as_of([event for event in events if event.provider == name], session.clock(name).now())


def _emulator_runs(session: "Session") -> bool:
    from cloudgpu.emulator import process

    last = session.emulator_status()
    return last is not None and process.is_alive(last)
