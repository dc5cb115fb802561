"""The ledger as CSV: UTF-8, commas, quotes where needed, one header line, exact decimals with a point."""

import csv
import io
from collections.abc import Sequence

from cloudgpu.accounting.exports.rows import COLUMNS, HourRow, row_texts

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TEXT_COLUMNS = ("deployment", "provider", "instance_id", "model", "gpu")


def csv_text(rows: Sequence[HourRow]) -> str:
    """The rows as the text of a CSV file; None is an empty cell.

    A name that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(row) for row in rows)
    return out.getvalue()


def _cells(row: HourRow) -> dict[str, str | None]:
    texts = row_texts(row)
    return {name: _harmless(text) if name in _TEXT_COLUMNS else text for name, text in texts.items()}


def _harmless(text: str | None) -> str | None:
    if not text:
        return text
    shown = text.replace("\r", " ")  # the csv module of Python 3.11 does not quote it
    return f"'{shown}" if text.startswith(_FORMULA_STARTS) else shown
