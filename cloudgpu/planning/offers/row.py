"""One row of somebody else's data, read field by field: what is missing, null or absurd has a name.

Numbers are expected as `json.loads(..., parse_float=Decimal)` gives them; a float is accepted by its shortest text.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from cloudgpu.base.money import usd, usd_from_float

Row = Mapping[str, Any]


class UnreadableRowError(ValueError):
    """A row that cannot become an offer. `reason` is what is counted: `gpu_ram is missing`, `rented already`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def amount(
    row: Row, field: str, *, above: Decimal | None = None, least: Decimal = Decimal(0), most: Decimal
) -> Decimal:
    """A required amount of money. Raises UnreadableRowError when it is missing, no number, or outside of the bounds."""
    value = _decimal(row, field)
    if value is None:
        raise UnreadableRowError(f"{field} is missing")
    if value < least or value > most or (above is not None and value <= above):
        raise UnreadableRowError(f"{field} is absurd")
    return value


def number(row: Row, field: str, *, least: float, most: float) -> float:
    """A required number. Raises UnreadableRowError when it is missing, no number, or outside of the bounds."""
    value = _decimal(row, field)
    if value is None:
        raise UnreadableRowError(f"{field} is missing")
    if not least <= value <= most:
        raise UnreadableRowError(f"{field} is absurd")
    return float(value)


def whole(row: Row, field: str, *, least: int, most: int) -> int:
    """A required whole number. Raises UnreadableRowError when it is missing, broken, or outside of the bounds."""
    value = number(row, field, least=least, most=most)
    if value != int(value):
        raise UnreadableRowError(f"{field} is absurd")
    return int(value)


def maybe_number(row: Row, field: str, *, least: float, most: float) -> float | None:
    """A number, or None when the row does not say or says nonsense."""
    try:
        return number(row, field, least=least, most=most)
    except UnreadableRowError:
        return None


def stated_number(row: Row, field: str, *, least: float, most: float) -> float | None:
    """A number, or None when the row does not say. Raises UnreadableRowError when it says nonsense."""
    return None if row.get(field) is None else number(row, field, least=least, most=most)


def refuse_negative(row: Row, fields: Iterable[str]) -> None:
    """Raises UnreadableRowError for the first of these fields that is below zero: no measure of anything is."""
    for field in fields:
        value = row.get(field)
        if isinstance(value, int | float | Decimal) and value < 0:
            raise UnreadableRowError(f"{field} is absurd")


def maybe_text(row: Row, field: str) -> str | None:
    """Text without surrounding spaces (a whole number counts as its digits), or None when there is none."""
    value = row.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def text(row: Row, field: str) -> str:
    """Required text, as `maybe_text`. Raises UnreadableRowError."""
    value = maybe_text(row, field)
    if value is None:
        raise UnreadableRowError(f"{field} is missing")
    return value


def _decimal(row: Row, field: str) -> Decimal | None:
    value = row.get(field)
    if value is None:
        return None
    try:
        return usd_from_float(value) if isinstance(value, float) else usd(value)
    except (TypeError, ValueError):
        raise UnreadableRowError(f"{field} is no number") from None
