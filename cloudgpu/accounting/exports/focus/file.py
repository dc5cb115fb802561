"""The file and the metadata that belongs to it."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import by_hour
from cloudgpu.accounting.exports.book import Book
from cloudgpu.accounting.exports.focus.columns import COLUMNS, DECIMALS, TIMES
from cloudgpu.accounting.exports.focus.purchase import purchase_row
from cloudgpu.accounting.exports.focus.usage import usage_row
from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import exact_text

_SCALE = 12


def focus_text(book: Book) -> str:
    """The accounts as FOCUS 1.2 in CSV; null is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in focus_rows(book):
        writer.writerow({name: _text(row.get(name)) for name in COLUMNS})
    return out.getvalue()


def focus_rows(book: Book) -> Iterator[Mapping[str, str | Decimal | None]]:
    """Top-ups first, then usage by the hour. EffectiveCost sums up to exactly the book's total."""
    lives = {life.token: life for life in book.history.lives}
    accounts = {life.provider: life.account for life in book.history.lives if life.account}
    for top_up in book.history.top_ups:
        if book.report.since is None or top_up.at >= book.report.since:
            yield purchase_row(top_up, accounts.get(top_up.provider))
    for piece in by_hour(book.charges):
        yield usage_row(piece, lives[piece.token])


def metadata_text(file_name: str, as_of: datetime) -> str:
    """The FOCUS metadata of the file: who made it, by which version, and the form of each column."""
    body = {
        "DataGenerator": {"DataGenerator": "cloudgpu"},
        "Schema": {
            "SchemaId": "cloudgpu-focus-1.2-1",
            "FocusVersion": "1.2",
            "CreationDate": utc_text(as_of),
            "DataGeneratorVersion": "1",
            "ColumnDefinition": [_definition(name) for name in COLUMNS],
        },
        "File": {"Name": file_name, "Format": "CSV", "Encoding": "UTF-8"},
    }
    return json.dumps(body, indent=2) + "\n"


def _definition(name: str) -> dict[str, object]:
    if name in DECIMALS:
        return {"ColumnName": name, "DataType": "DECIMAL", "NumericScale": _SCALE, "NumberPrecision": 38}
    if name in TIMES:
        return {"ColumnName": name, "DataType": "DATETIME"}
    return {"ColumnName": name, "DataType": "STRING", "StringEncoding": "UTF-8"}


def _text(value: str | Decimal | None) -> str:
    if isinstance(value, Decimal):
        text = exact_text(value)
        return text if "." in text else f"{text}.0"
    return value or ""
