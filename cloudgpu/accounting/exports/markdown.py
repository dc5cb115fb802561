"""The report as Markdown, for a wiki or a ticket: sums by deployment, by meter, by day, and what they rest on."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from cloudgpu.accounting.billing import seen_words
from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.exports.book import Book
from cloudgpu.accounting.period import by_day
from cloudgpu.accounting.tally import Line, group
from cloudgpu.accounting.token_rows import TOKENS_HEAD, token_rows, tokens_cells, tokens_rest_on
from cloudgpu.accounting.words import (
    HOURS_HEAD,
    METER_NAMES,
    PURPOSE_NAMES,
    SOURCE_NAMES,
    SPLIT_IS_OURS,
    doubt_words,
)
from cloudgpu.base.money import exact_text, show_usd

_ESCAPED = str.maketrans({"|": "\\|", "\n": " ", "\r": " ", "`": "\\`", "<": "&lt;", "*": "\\*", "_": "\\_"})


def markdown_text(book: Book) -> str:
    """The report as the text of a Markdown file. Amounts are rounded for reading; the totals come from exact sums."""
    told = book.report
    meters = [meter for meter in Meter if told.total.usd_by_meter[meter]]
    days = group(by_day(book.charges), lambda charge: charge.start.date().isoformat())
    parts = [
        f"# Cost of GPUs until {told.as_of:%Y-%m-%d %H:%M} UTC",
        f"**{_usd(told.total.total_usd)}** in all. {_words(book)}",
        _sums("Deployment", [*told.lines, told.total], meters),
        _tokens(book),
        _pairs("What it was for", [(PURPOSE_NAMES[each], usd) for each, usd in told.usd_by_purpose.items() if usd]),
        _pairs("Whose word it is", [(SOURCE_NAMES[each], usd) for each, usd in told.usd_by_source.items() if usd]),
        _sums("Day (UTC)", days, meters),
        f"Exact total: {exact_text(told.total.total_usd)} USD. Amounts are rounded for reading; sums are taken from "
        "exact amounts.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _words(book: Book) -> str:
    told = book.report
    doubt = doubt_words(told.doubt_usd, told.running_hour_usd)
    burns = f"{_usd(told.burn_usd_per_hour)} per hour bills now{seen_words(told.billing_now)}."
    burn = burns if told.billing_now else "Nothing bills now."
    split = f" {SPLIT_IS_OURS}" if told.total.disk_split_source else ""
    return burn + split + doubt


def _sums(heading: str, lines: Sequence[Line], meters: Sequence[Meter]) -> str:
    if not lines:
        return ""
    head = [heading, HOURS_HEAD, *(METER_NAMES[meter] for meter in meters), "Total"]
    rows = [[_plain(line.key), f"{line.machine_hours:.3f}", *(_usd(line.usd_by_meter[m]) for m in meters),
             _usd(line.total_usd)] for line in lines]  # fmt: skip
    return _table(head, rows)


def _tokens(book: Book) -> str:
    rows = token_rows(book.report)
    cells = [[_plain(key), *tokens_cells(cost)] for key, cost in rows]
    return f"{_table(['Tokens', *TOKENS_HEAD], cells)}\n\n{tokens_rest_on(rows)}" if rows else ""


def _pairs(heading: str, pairs: Sequence[tuple[str, Decimal]]) -> str:
    return _table([heading, "USD"], [[name, _usd(usd)] for name, usd in pairs]) if pairs else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows])


def _plain(name: str) -> str:
    return name.translate(_ESCAPED)


def _usd(amount: Decimal) -> str:
    return show_usd(amount, 4)
