"""The page: what it came to, four charts each with its table, what bills now, and what the figures rest on."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape

from cloudgpu.accounting.billing import Purse, seen_words
from cloudgpu.accounting.charge import Meter, Purpose
from cloudgpu.accounting.exports.book import Book
from cloudgpu.accounting.exports.html import charts
from cloudgpu.accounting.exports.html.style import STYLE
from cloudgpu.accounting.period import by_day
from cloudgpu.accounting.tally import Line, group
from cloudgpu.accounting.timeline import Step, Window, burn_steps, windows
from cloudgpu.accounting.token_rows import TOKENS_HEAD, token_rows, tokens_cells, tokens_rest_on
from cloudgpu.accounting.words import (
    HOURS_HEAD,
    METER_NAMES,
    PURPOSE_NAMES,
    SOURCE_NAMES,
    SPLIT_IS_OURS,
    doubt_words,
    lasts_words,
)
from cloudgpu.base.money import exact_text, show_usd

_WIDE, _NARROW = 720, 340
_LONG_CELL = 20


def html_text(book: Book) -> str:
    """The whole page as text. It loads nothing: no script, no font, no picture from anywhere."""
    told = book.report
    title = f"GPU costs until {told.as_of:%Y-%m-%d %H:%M} UTC"
    body = "".join([f"<h1>{escape(title)}</h1>", _span(book), report_body(book)])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>\n"
    )


def report_body(book: Book) -> str:
    """The parts of the page below its title, for pages that show the report among other things."""
    return "".join([_figures(book), _alarm(book), _daily(book), _burn(book), _deployments(book), _tokens(book),
                    _moves(book), _billing(book), _rests_on(book)])  # fmt: skip


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, stacked: bool = False) -> str:
    """A table that scrolls by itself when it is wider than the page.

    `stacked`: on a phone each row becomes a small list of its own, for tables of a few rows with many columns.
    """
    words = [any(_WORD.search(row[column]) for row in rows) for column in range(len(head))]
    top = "".join(map(_heading, head, words))
    body = "".join(f"<tr>{''.join(map(_cell, head, row, words))}</tr>" for row in rows)
    css = "scroll stacked" if stacked else "scroll"
    return f'<div class="{css}"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


_WORD = re.compile(r"[A-Za-z]{3}")
"""What makes a column one of words, which begin at the left; figures and times end at the right."""


def _heading(name: str, is_words: bool) -> str:
    return f"<th{_css(['words'] * is_words)}>{escape(name)}</th>"


def _cell(name: str, cell: str, is_words: bool) -> str:
    """Names that are longer than a figure may break; figures and times never do."""
    css = _css(["long"] * (len(cell) > _LONG_CELL) + ["words"] * is_words)
    return f'<td data-of="{escape(name)}"{css}>{escape(cell)}</td>'


def _css(classes: Sequence[str]) -> str:
    return f' class="{" ".join(classes)}"' if classes else ""


def _span(book: Book) -> str:
    since = book.report.since
    return f'<p class="soft">From {since:%Y-%m-%d %H:%M} UTC.</p>' if since else ""


def _figures(book: Book) -> str:
    told = book.report
    figures = [
        (show_usd(told.total.total_usd), "spent"),
        (show_usd(told.burn_usd_per_hour, 4), f"burns per hour now{seen_words(told.billing_now)}"),
        (show_usd(told.pace.month_usd), "this month so far"),
        (show_usd(told.pace.forecast_usd), "forecast for this month"),
        *((show_usd(p.balance.usd), _left(p)) for p in told.purses),
    ]
    boxes = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for value, name in figures)
    return f'<div class="figures">{boxes}</div>'


def _left(purse: Purse) -> str:
    lasts = f", {lasts_words(purse.hours_left)} at this burn" if purse.hours_left is not None else ""
    return f"left at {purse.balance.provider}, read {purse.balance.at:%Y-%m-%d %H:%M} UTC{lasts}"


def _alarm(book: Book) -> str:
    doubtful = [each for each in book.report.billing_now if each.cleanup_failed or not each.certain]
    return "".join(
        f'<p class="alarm">{escape(each.deployment)} may bill and nobody can vouch for it '
        f"(instance {escape(each.instance_id or 'unknown')} at {escape(each.provider)}).</p>"
        for each in doubtful
    )


def _daily(book: Book) -> str:
    days = group(by_day(book.charges), lambda charge: charge.start.date().isoformat())
    if not days:
        return "<p>Nothing was spent.</p>"
    return _section("Cost per day", lambda width: charts.daily(days, width), _sums("Day (UTC)", days), _meter_key(days))


def _burn(book: Book) -> str:
    steps = burn_steps(book.history, book.until)
    marked = _marks(book, steps)
    rows = [[f"{step.at:%Y-%m-%d %H:%M:%S}", show_usd(step.usd_per_hour, 4)] for step in steps]
    note = '<p class="soft">Dashed lines are steps of migrations.</p>' if marked else ""
    return _section(
        "Burn over time",
        lambda width: charts.burn(steps, book.as_of, marked, width),
        table(["From (UTC)", "USD per hour"], rows),
        note,
    )


def _marks(book: Book, steps: Sequence[Step]) -> list[tuple[datetime, str]]:
    """The steps of migrations from the first dollar on."""
    entered = [(at, f"{move.old} to {move.new}: {state}") for move in book.history.moves for at, state in move.steps]
    return [mark for mark in entered if steps and mark[0] >= steps[0].at]


def _deployments(book: Book) -> str:
    lines = sorted(book.report.lines, key=lambda line: -line.total_usd)
    if not lines:
        return ""
    sums = _sums("Deployment", [*lines, book.report.total])
    return _section("Cost by deployment", lambda width: charts.by_deployment(lines, width), sums, _meter_key(lines))


def _tokens(book: Book) -> str:
    """What a million tokens cost, by deployment; nothing where no engine's counters were read."""
    rows = token_rows(book.report)
    if not rows:
        return ""
    shown = table(["Deployment", *TOKENS_HEAD], [[key, *tokens_cells(cost)] for key, cost in rows], stacked=True)
    return f'<h2>What a million tokens cost</h2>{shown}<p class="soft">{escape(tokens_rest_on(rows))}</p>'


def _moves(book: Book) -> str:
    names = {move.migration_id: f"{move.old} to {move.new} ({move.migration_id})" for move in book.history.moves}
    found = [replace(each, migration=names.get(each.migration, each.migration)) for each in windows(book.charges)]
    if not found:
        return ""
    rows = [_window_cells(window) for window in found]
    shown = table(["Migration", "For", "From (UTC)", "To (UTC)", "USD"], rows)
    purposes = [purpose for purpose in Purpose if any(window.purpose is purpose for window in found)]
    key = _key([(purpose.value, PURPOSE_NAMES[purpose]) for purpose in purposes])
    return _section("What migrations paid for", lambda width: charts.windows(found, width), shown, key)


def _window_cells(window: Window) -> list[str]:
    return [
        window.migration, PURPOSE_NAMES[window.purpose], f"{window.start:%Y-%m-%d %H:%M:%S}",
        f"{window.end:%Y-%m-%d %H:%M:%S}", show_usd(window.usd, 4),
    ]  # fmt: skip


def _billing(book: Book) -> str:
    rows = [
        [each.deployment, each.provider, each.instance_id or "unknown", each.gpu, show_usd(each.total_usd_per_hour, 4),
         f"{each.since:%Y-%m-%d %H:%M}"] for each in book.report.billing_now
    ]  # fmt: skip
    if not rows:
        return "<h2>What bills now</h2><p>Nothing bills now.</p>"
    head = ["Deployment", "Provider", "Instance", "Cards", "USD per hour", "Since (UTC)"]
    return f"<h2>What bills now</h2>{table(head, rows, stacked=True)}"


def _rests_on(book: Book) -> str:
    told = book.report
    sources = [f"{show_usd(usd, 4)} {SOURCE_NAMES[source]}" for source, usd in told.usd_by_source.items() if usd]
    purposes = [f"{PURPOSE_NAMES[each]} {show_usd(usd, 4)}" for each, usd in told.usd_by_purpose.items() if usd]
    doubt = doubt_words(told.doubt_usd, told.running_hour_usd)
    split = f" {SPLIT_IS_OURS}" if told.total.disk_split_source else ""
    return (
        "<h2>What the figures rest on</h2>"
        f"<p>Whose word: {escape(', '.join(sources) or 'nothing was charged')}.{split}{doubt}</p>"
        f"<p>What for: {escape(', '.join(purposes) or 'nothing')}.</p>"
        f'<p class="soft">Exact total: {exact_text(told.total.total_usd)} USD. Days are those of UTC. Amounts are '
        "rounded for reading; sums are taken from exact amounts.</p>"
    )


def _section(title: str, chart: Callable[[int], str], table: str, note: str = "") -> str:
    drawn = chart(_WIDE) + chart(_NARROW)
    if not drawn:
        return ""
    return f"<h2>{escape(title)}</h2>{note}{drawn}<details><summary>The same as a table</summary>{table}</details>"


def _sums(heading: str, lines: Sequence[Line]) -> str:
    meters = [meter for meter in Meter if any(line.usd_by_meter[meter] for line in lines)]
    rows = [
        [line.key, f"{line.machine_hours:.3f}", *(show_usd(line.usd_by_meter[meter], 4) for meter in meters),
         show_usd(line.total_usd, 4)] for line in lines
    ]  # fmt: skip
    return table([heading, HOURS_HEAD, *(METER_NAMES[meter] for meter in meters), "Total"], rows)


def _meter_key(lines: Sequence[Line]) -> str:
    meters = [meter for meter in Meter if any(line.usd_by_meter[meter] for line in lines)]
    return _key([(meter.value, METER_NAMES[meter]) for meter in meters])


def _key(entries: Sequence[tuple[str, str]]) -> str:
    items = "".join(
        f'<li><svg width="12" height="12"><rect width="12" height="12" rx="2" class="{css}"/></svg> {escape(name)}</li>'
        for css, name in entries
    )
    return f'<ul class="key">{items}</ul>'
