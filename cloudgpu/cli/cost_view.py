"""How costs are shown."""

from decimal import Decimal

from cloudgpu.accounting.report import Billing, Line, Report
from cloudgpu.cli import render
from cloudgpu.cli.render import Column


def show_json(told: Report, notes: list[str]) -> None:
    """The report for programs: every digit."""
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


def _line_json(line: Line) -> dict[str, object]:
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


def show(told: Report, notes: list[str]) -> None:
    """The report for people: a table of sums, and what still bills."""
    if not told.lines:
        render.text("Nothing was rented yet, so nothing was spent.")
    else:
        _print_lines(told)
    _print_billing(told)
    for note in notes:
        render.warning(note)


def _print_lines(told: Report) -> None:
    columns = [
        Column(told.by.capitalize()),
        Column("GPU hours", right=True, drop=3),
        Column("GPU", right=True),
        Column("Disk", right=True),
        Column("Download", right=True),
        *([Column("Other", right=True)] if told.total.other_usd else []),
        Column("Total", right=True),
        Column("Says", drop=2),
    ]
    with_other = bool(told.total.other_usd)
    total = _cells(told.total, with_other)
    rows = [*(_cells(line, with_other) for line in told.lines), ["Total", *total[1:]]]
    render.table(columns, rows, title=f"Spent until {told.as_of:%Y-%m-%d %H:%M} UTC")
    render.note(_sources(told))


def _cells(line: Line, with_other: bool) -> list[str]:
    other = (line.other_usd,) if with_other else ()
    amounts = (line.gpu_usd, line.disk_usd, line.download_usd, *other)
    return [
        line.key, f"{line.gpu_hours:.3f}", *(_usd(amount) for amount in amounts), _usd(line.total_usd),
        line.source.value,
    ]  # fmt: skip


def _usd(amount: Decimal) -> str:
    return render.money(amount, 4)


def _sources(told: Report) -> str:
    said = ", ".join(f"{_usd(usd)} {source.value}" for source, usd in told.usd_by_source.items() if usd)
    return f"Who says so: {said or 'nothing was charged'}. Shown rounded; `cloudgpu cost export` has every digit."


def _print_billing(told: Report) -> None:
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


def _billing_cells(each: Billing) -> list[str]:
    return [
        each.deployment, each.instance_id or "unknown", each.gpu, _usd(each.gpu_usd_per_hour),
        _usd(each.disk_usd_per_hour), _usd(each.total_usd_per_hour), f"{each.since:%Y-%m-%d %H:%M}",
    ]  # fmt: skip


def _doubt(each: Billing) -> str:
    if each.cleanup_failed:
        return f"{each.deployment}: its end could not be confirmed. Try again: cloudgpu down {each.deployment}"
    return f"{each.deployment}: nobody knows yet whether it was rented. Find out: cloudgpu status"
