"""The ledger as Parquet, exact: decimals of 38 digits, 20 of them after the point (a provider may send 17)."""

from decimal import Decimal, localcontext
from pathlib import Path

from cloudgpu.accounting.exports.book import Book
from cloudgpu.accounting.exports.rows import COLUMNS, NUMBERS, TOKENS, HourRow
from cloudgpu.base.errors import BadFileError
from cloudgpu.base.extra import need

_PLACES = Decimal("1e-20")


def write_parquet(book: Book, path: Path) -> None:
    """Write one row per hour. Raises UsageError without the extra `parquet`.

    Raises BadFileError when an amount has more than 20 places (it would not be exact), OSError on a full disk.
    """
    duckdb = need("duckdb", "parquet")
    with duckdb.connect(":memory:") as database:
        database.execute(f"CREATE TABLE ledger ({', '.join(f'{name} {_type(name)}' for name in COLUMNS)})")
        if book.rows:
            marks = ", ".join("?" * len(COLUMNS))
            database.executemany(f"INSERT INTO ledger VALUES ({marks})", [_values(row) for row in book.rows])
        target = str(path).replace("'", "''")
        try:
            database.execute(f"COPY ledger TO '{target}' (FORMAT parquet)")
        except duckdb.IOException as error:
            raise OSError(str(error).rpartition(": ")[2].partition('"')[0]) from None


def _type(name: str) -> str:
    if name in (*NUMBERS, "seen_hours"):
        return "DECIMAL(38, 20)"
    if name in TOKENS:
        return "BIGINT"
    return "TIMESTAMPTZ" if name == "hour" else "VARCHAR"


def _values(row: HourRow) -> list[object]:
    return [_value(name, getattr(row, name)) for name in COLUMNS]


def _value(name: str, value: object) -> object:
    if isinstance(value, Decimal):
        return _exact(value)
    return value if name in ("hour", *TOKENS) else _text(value)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _exact(amount: Decimal) -> Decimal:
    with localcontext(prec=60):
        kept = amount.quantize(_PLACES)
    if kept != amount:
        raise BadFileError(
            f"an amount of {amount} has more digits than Parquet's decimals hold", hint="export csv or json instead"
        )
    return kept
