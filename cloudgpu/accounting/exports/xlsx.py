"""The accounts as an Excel workbook: sums, the ledger, payments apart from consumption, and notes.

A spreadsheet's numbers are doubles of 16 digits; the ledger has the exact text of each total beside its number.
"""

from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.exports.book import Book
from cloudgpu.accounting.exports.rows import COLUMNS
from cloudgpu.accounting.words import HOURS_HEAD, METER_NAMES, PURPOSE_NAMES, SOURCE_NAMES, SPLIT_IS_OURS
from cloudgpu.base.clock import utc_text
from cloudgpu.base.extra import need
from cloudgpu.base.money import exact_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_AMOUNT = "#,##0.000000"


def write_xlsx(book: Book, path: Path) -> None:
    """Write the workbook. Raises UsageError when the extra `xlsx` is not installed, OSError on a full disk."""
    xlsxwriter = need("xlsxwriter", "xlsx")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    whole = BytesIO()  # on a full disk the library would end in a traceback
    with xlsxwriter.Workbook(whole, {**options, "remove_timezone": True, "in_memory": True}) as workbook:
        forms = {"head": {"bold": True}, "amount": {"num_format": _AMOUNT}, "count": {"num_format": "#,##0"}}
        styles = {name: workbook.add_format(form) for name, form in forms.items()}
        for name, head, rows in _sheets(book):
            _fill(workbook.add_worksheet(name), styles, head, rows)
    path.write_bytes(whole.getvalue())


def _sheets(book: Book) -> "Iterable[tuple[str, Sequence[str], list[list[object]]]]":
    yield "Summary", ["Deployment", HOURS_HEAD, *METER_NAMES.values(), "Total"], _summary(book)
    yield "Ledger", [*COLUMNS, "total_usd_exact"], _ledger(book)
    yield "Payments", ["at", "provider", "kind", "usd", "note"], _payments(book)
    yield "Notes", ["What", "Value"], _notes(book)


def _summary(book: Book) -> list[list[object]]:
    return [
        [line.key, line.machine_hours, *(line.usd_by_meter[meter] for meter in Meter), line.total_usd]
        for line in [*book.report.lines, book.report.total]
    ]


def _ledger(book: Book) -> list[list[object]]:
    return [[*(getattr(row, name) for name in COLUMNS), exact_text(row.total_usd)] for row in book.rows]


def _payments(book: Book) -> list[list[object]]:
    paid: list[list[object]] = [[t.at, t.provider, "top-up", t.usd, t.note] for t in book.history.top_ups]
    read: list[list[object]] = [[b.at, b.provider, "balance", b.usd, ""] for b in book.history.balances]
    return sorted([*paid, *read], key=lambda row: str(row[0]))


def _notes(book: Book) -> list[list[object]]:
    told = book.report
    return [
        ["As of (UTC)", told.as_of],
        ["Total, exact", exact_text(told.total.total_usd)],
        ["Metered part may be off by", told.doubt_usd - told.running_hour_usd],
        ["Hour that is still billed may be off by", told.running_hour_usd],
        *([PURPOSE_NAMES[each], usd] for each, usd in told.usd_by_purpose.items()),
        *([SOURCE_NAMES[each], usd] for each, usd in told.usd_by_source.items()),
        ["Split of the disk", SPLIT_IS_OURS if told.total.disk_split_source else None],
        ["Rounding", "cells are rounded for reading; totals are sums of exact amounts"],
    ]


def _fill(sheet: Any, styles: dict[str, Any], head: "Sequence[str]", rows: list[list[object]]) -> None:  # noqa: ANN401
    sheet.write_row(0, 0, head, styles["head"])
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            _cell(sheet, number, column, value, styles)
    sheet.set_column(0, len(head) - 1, 18)


def _cell(sheet: Any, row: int, column: int, value: object, styles: dict[str, Any]) -> None:  # noqa: ANN401
    if isinstance(value, Decimal | int):
        sheet.write_number(row, column, value, styles["count" if isinstance(value, int) else "amount"])
    elif isinstance(value, datetime):
        sheet.write_string(row, column, utc_text(value))
    elif value is not None:
        sheet.write_string(row, column, str(value))
