"""`cloudgpu cost` and `cloudgpu cost export`: what was spent, what still bills, and files of it."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudgpu.accounting.report import Billing, Line, Report
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

    The provider's own bill counts where it could be read; the rest is metered from what was seen.
    """
    if context.invoked_subcommand:
        return
    from cloudgpu.accounting.report import report  # loaded only by this command, as everything below
    from cloudgpu.cli.session import open_session

    session = open_session()
    moments = _moments(session)
    events, notes = _events_with_bills(session, offline=offline)
    told = report(events, moments, by.value)
    if json:
        _print_json(told, notes)
    else:
        _print(told, notes)


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
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session

    _check_place(output)
    session = open_session()
    moments = _moments(session)
    events, notes = _events_with_bills(session, offline=offline)
    rows = hour_rows(fold(events, moments))
    text = csv_text(rows) if file_format is FileFormat.CSV else json_text(rows, max(moments.values()))
    _write(text, output)
    for note in notes:
        render.progress(note)
    if output is not None:
        render.progress(f"{len(rows)} rows, ${totals(rows)['total_usd']} in {output}")


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
    from cloudgpu.cli.session import EMULATOR

    if name == EMULATOR and not _emulator_runs(session):
        return max(event.at for event in events if event.provider == name)
    return session.clock(name).now()


def _emulator_runs(session: "Session") -> bool:
    from cloudgpu.emulator import process

    last = session.emulator_status()
    return last is not None and process.is_alive(last)


def _check_place(output: Path | None) -> None:
    """Refuse a place that cannot be written before any work is done."""
    import os

    from cloudgpu.base.errors import BadFileError

    if output is None:
        return
    folder = output.parent
    if not folder.is_dir():
        raise BadFileError(f"there is no folder {folder} to write {output.name} into", hint="make it first")
    if output.is_dir():
        raise BadFileError(f"{output} is a folder", hint="name a file: -o costs.csv")
    if (output.exists() and not os.access(output, os.W_OK)) or not os.access(folder, os.W_OK):
        raise BadFileError(f"{output} cannot be written", hint="choose another place with -o")


def _write(text: str, output: Path | None) -> None:
    """The whole file or nothing: written beside it first, then put in its place."""
    import os
    import sys
    import tempfile

    from cloudgpu.base.errors import BadFileError

    if output is None:
        sys.stdout.write(text)
        return
    beside: str | None = None
    try:
        handle, beside = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(beside, output)
    except OSError as error:
        if beside:
            Path(beside).unlink(missing_ok=True)
        raise BadFileError(
            f"{output} cannot be written: {error.strerror}", hint="choose another place with -o"
        ) from None


def _print_json(told: "Report", notes: list[str]) -> None:
    from cloudgpu.cli import render

    render.out_json(
        {
            "as_of": told.as_of,
            "by": told.by,
            "groups": [_line_json(line) for line in told.lines],
            "total": _line_json(told.total),
            "usd_by_source": {source.value: usd for source, usd in told.usd_by_source.items()},
            "billing_now": told.billing_now,
            "burn_usd_per_hour": told.burn_usd_per_hour,
            "notes": notes,
        }
    )


def _line_json(line: "Line") -> dict[str, object]:
    return {
        "key": line.key,
        "gpu_hours": line.gpu_hours,
        "usd": {
            "gpu": line.gpu_usd,
            "disk": line.disk_usd,
            "download": line.download_usd,
            "other": line.other_usd,
            "total": line.total_usd,
        },
        "source": line.source.value,
    }


def _print(told: "Report", notes: list[str]) -> None:
    from cloudgpu.cli import render

    if not told.lines:
        render.text("Nothing was rented yet, so nothing was spent.")
    else:
        _print_lines(told)
    _print_billing(told)
    for note in notes:
        render.warning(note)


def _print_lines(told: "Report") -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column

    columns = [
        Column(told.by.capitalize()),
        Column("GPU hours", right=True, drop=3),
        Column("GPU", right=True),
        Column("Disk", right=True),
        Column("Download", right=True),
        Column("Other", right=True, drop=4),
        Column("Total", right=True),
        Column("Says", drop=2),
    ]
    total = _cells(told.total)
    rows = [*(_cells(line) for line in told.lines), ["Total", *total[1:]]]
    render.table(columns, rows, title=f"Spent until {told.as_of:%Y-%m-%d %H:%M} UTC")
    render.note(_sources(told))


def _cells(line: "Line") -> list[str]:
    amounts = (line.gpu_usd, line.disk_usd, line.download_usd)
    return [
        line.key, f"{line.gpu_hours:.3f}", *(_usd(amount) for amount in amounts), _usd(line.other_usd),
        _usd(line.total_usd), line.source.value,
    ]  # fmt: skip


def _usd(amount: Decimal) -> str:
    from cloudgpu.cli import render

    return render.money(amount, 4)


def _sources(told: "Report") -> str:
    said = ", ".join(f"{_usd(usd)} {source.value}" for source, usd in told.usd_by_source.items() if usd)
    return f"Who says so: {said or 'nothing was charged'}. Shown rounded; `cloudgpu cost export` has every digit."


def _print_billing(told: "Report") -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column

    if not told.billing_now:
        render.text("Nothing bills now.")
        return
    columns = [
        Column("Bills now"),
        Column("Instance"),
        Column("GPU", drop=2),
        Column("GPU/h", right=True, drop=3),
        Column("Disk/h", right=True, drop=4),
        Column("Per hour", right=True),
        Column("Since (UTC)", drop=1),
    ]
    render.text()
    render.table(columns, [_billing_cells(each) for each in told.billing_now])
    render.text(
        f"Burning {_usd(told.burn_usd_per_hour)} per hour, {render.money(told.burn_usd_per_hour * 24)} per day."
    )
    for each in told.billing_now:
        if each.cleanup_failed or not each.certain:
            render.warning(_doubt(each))


def _billing_cells(each: "Billing") -> list[str]:
    return [
        each.deployment, each.instance_id or "unknown", each.gpu, _usd(each.gpu_usd_per_hour),
        _usd(each.disk_usd_per_hour), _usd(each.total_usd_per_hour), f"{each.since:%Y-%m-%d %H:%M}",
    ]  # fmt: skip


def _doubt(each: "Billing") -> str:
    if each.cleanup_failed:
        return f"{each.deployment}: its end could not be confirmed. Try again: cloudgpu down {each.deployment}"
    return f"{each.deployment}: nobody knows yet whether it was rented. Find out: cloudgpu status"
