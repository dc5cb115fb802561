"""How costs are shown."""

from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.billing import Billing, Purse, seen_ago_s
from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.report import Report
from cloudgpu.accounting.tally import Line
from cloudgpu.accounting.words import (
    HOURS_HEAD,
    METER_NAMES,
    PURPOSE_NAMES,
    SOURCE_NAMES,
    SPLIT_IS_OURS,
    doubt_words,
    lasts_words,
)
from cloudgpu.cli import render
from cloudgpu.cli.cost.tokens_view import show_tokens, tokens_json
from cloudgpu.cli.render import Column


def show_json(told: Report, notes: list[str]) -> None:
    """The report for programs: every digit."""
    render.out_json(
        {
            "since": told.since,
            "as_of": told.as_of,
            "by": told.by,
            "groups": [_line_json(line) for line in told.lines],
            "total": _line_json(told.total),
            "usd_by_source": {source.value: usd for source, usd in told.usd_by_source.items()},
            "tokens": {key: tokens_json(cost) for key, cost in told.tokens.items()},
            "total_tokens": tokens_json(told.total_tokens) if told.total_tokens else None,
            "serving_tokens": tokens_json(told.serving_tokens) if told.serving_tokens else None,
            "usd_by_purpose": {purpose.value: usd for purpose, usd in told.usd_by_purpose.items()},
            "doubt_usd": told.doubt_usd,
            "running_hour_usd": told.running_hour_usd,
            "pace": told.pace,
            "balances": [_purse_json(told, purse) for purse in told.purses],
            "billing_now": told.billing_now,
            "burn_usd_per_hour": told.burn_usd_per_hour,
            "burn_seen_ago_s": seen_ago_s(told.billing_now),
            "notes": notes,
        }
    )


def show(told: Report, notes: list[str]) -> None:
    """The report for people: a table of sums, the pace, and what still bills."""
    if not told.lines:
        never = "Nothing was rented yet, so nothing was spent."
        render.text("Nothing was spent in this time." if told.since else never)
    else:
        _print_lines(told)
        show_tokens(told)
        _print_pace(told)
    _print_billing(told)
    for note in notes:
        render.warning(note)


def _line_json(line: Line) -> dict[str, object]:
    usd = {meter.value: amount for meter, amount in line.usd_by_meter.items()}
    return {
        "key": line.key,
        "machine_hours": line.machine_hours,
        "usd": {**usd, "total": line.total_usd},
        "source": line.source.value,
        "disk_split_source": line.disk_split_source,
    }


def _purse_json(told: Report, purse: Purse) -> dict[str, object]:
    return {
        "provider": purse.balance.provider,
        "usd": purse.balance.usd,
        "read_at": purse.balance.at,
        "burn_usd_per_hour": purse.burn_usd_per_hour,
        "burn_seen_ago_s": seen_ago_s(told.billing_now, purse.balance.provider),
        "hours_left": purse.hours_left,
    }


def _print_lines(told: Report) -> None:
    meters = [meter for meter in Meter if meter in (Meter.GPU, Meter.DISK) or told.total.usd_by_meter[meter]]
    columns = [
        Column("GPU" if told.by == "gpu" else told.by.capitalize()),
        Column(HOURS_HEAD, right=True, drop=3),
        *(Column(METER_NAMES[meter], right=True, drop=_DROPS.get(meter, 0)) for meter in meters),
        Column("Total", right=True),
        Column("Says", drop=4),
    ]
    total = _cells(told.total, meters)
    rows = [*(_cells(line, meters) for line in told.lines), ["Total", *total[1:]]]
    since = f"from {told.since:%Y-%m-%d %H:%M} " if told.since else ""
    render.table(columns, rows, title=f"Spent {since}until {told.as_of:%Y-%m-%d %H:%M} UTC")
    render.note(_rests_on(told))


_DROPS = {Meter.UPLOAD: 5, Meter.FEE: 6, Meter.DISK_STOPPED: 7, Meter.DOWNLOAD: 2}


def _cells(line: Line, meters: list[Meter]) -> list[str]:
    amounts = [_usd(line.usd_by_meter[meter]) for meter in meters]
    return [line.key, f"{line.machine_hours:.3f}", *amounts, _usd(line.total_usd), line.source.value]


def _usd(amount: Decimal) -> str:
    return render.money(amount, 4)


def _rests_on(told: Report) -> str:
    said = ", ".join(f"{_usd(usd)} {SOURCE_NAMES[source]}" for source, usd in told.usd_by_source.items() if usd)
    doubt = doubt_words(told.doubt_usd, told.running_hour_usd)
    split = f" {SPLIT_IS_OURS}" if told.total.disk_split_source else ""
    rounded = "Shown rounded; `cloudgpu cost export` has every digit."
    return f"Who says so: {said or 'nothing was charged'}.{split}{doubt} {rounded}"


def _print_pace(told: Report) -> None:
    pace = told.pace
    other = [(PURPOSE_NAMES[each], usd) for each, usd in told.usd_by_purpose.items() if usd]
    render.text()
    render.pairs(
        [
            ("Today", _usd(pace.today_usd)),
            (
                "This month",
                f"{_usd(pace.month_usd)}, {render.money(pace.forecast_usd)} by its end {_if_it_stays(told)}",
            ),
            *([("What for", ", ".join(f"{name} {_usd(usd)}" for name, usd in other))] if len(other) > 1 else []),
            *((f"Left at {purse.balance.provider}", _left(told, purse)) for purse in told.purses),
        ]
    )


def _if_it_stays(told: Report) -> str:
    return f"if all stays{_as_seen(told)}" if _as_seen(told) else "if nothing changes"


def _left(told: Report, purse: Purse) -> str:
    lasts = ""
    if purse.hours_left is not None:
        lasts = f", {lasts_words(purse.hours_left)} at this burn{_as_seen(told, purse.balance.provider)}"
    return f"{render.money(purse.balance.usd)}{lasts} (read {purse.balance.at:%Y-%m-%d %H:%M} UTC)"


def _as_seen(told: Report, provider: str | None = None) -> str:
    """` as seen 3 h 05 min ago`; nothing for what was seen just now. What is billed now is only known as of then."""
    ages = [each.seen_ago_s for each in told.billing_now if provider in (None, each.provider) and _is_old(each)]
    known = [age for age in ages if age is not None]
    return f" as seen {render.duration(max(known))} ago" if known else ""


def _is_old(each: Billing) -> bool:
    """Whether it was seen a while ago, or a look since then did not show it."""
    return each.shown_until is not None or (each.seen_ago_s or 0) >= render.FRESH_S


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
    rows = [_billing_cells(each) for each in told.billing_now]
    if _as_seen(told):
        columns.append(Column("Seen"))
        rows = [[*row, _seen(each)] for row, each in zip(rows, told.billing_now, strict=True)]
    render.text()
    render.table(columns, rows)
    burn = f"Burning {_usd(told.burn_usd_per_hour)} per hour, {render.money(told.burn_usd_per_hour * 24)} per day"
    render.text(f"{burn},{_as_seen(told)}." if _as_seen(told) else f"{burn}.")
    for each in told.billing_now:
        if each.cleanup_failed or not each.certain:
            render.warning(_doubt(each))
        elif each.shown_until is not None:
            render.warning(_unseen(each, each.shown_until))


def _billing_cells(each: Billing) -> list[str]:
    return [
        each.deployment, each.instance_id or "unknown", each.gpu, _usd(each.gpu_usd_per_hour),
        _usd(each.disk_usd_per_hour), _usd(each.total_usd_per_hour), f"{each.since:%Y-%m-%d %H:%M}",
    ]  # fmt: skip


def _seen(each: Billing) -> str:
    if each.seen_ago_s is None:
        return "never"
    return f"{render.duration(each.seen_ago_s)} ago" if _is_old(each) else "now"


def _doubt(each: Billing) -> str:
    if each.cleanup_failed:
        return f"{each.deployment}: its end could not be confirmed. Try again: cloudgpu down {each.deployment}"
    return f"{each.deployment}: nobody knows yet whether it was rented. Find out: cloudgpu status"


def _unseen(each: Billing, shown_until: datetime) -> str:
    return (
        f"{each.deployment} was last shown at {shown_until:%Y-%m-%d %H:%M} UTC and is counted as if it went on so. If "
        f"it is no more, settle it: cloudgpu down {each.deployment}"
    )
