"""Vast's filter language: {field: {operator: value}}, with numbers that may arrive as text."""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]


class BadFilterError(ValueError):
    """A filter that the server refuses; the text is its message."""


def read_conditions(filters: Mapping[str, Any], fields: Collection[str]) -> list[Callable[[Row], bool]]:
    """One test a condition. Raises BadFilterError for a bare value, an unknown operator or a field not in `fields`."""
    return [
        _condition(field, operator, wanted)
        for field, conditions in filters.items()
        for operator, wanted in _operators(field, conditions, fields)
    ]


def ordered(rows: Sequence[dict[str, Any]], order: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Rows sorted by (field, "asc" or "desc") keys, the first the most important; rows without a value come last."""
    result = list(rows)
    for field, direction in reversed(order):
        present = [row for row in result if row.get(field) is not None]
        absent = [row for row in result if row.get(field) is None]
        result = sorted(present, key=lambda row: _comparable(row[field]), reverse=direction == "desc") + absent
    return result


def _operators(field: str, conditions: object, fields: Collection[str]) -> list[tuple[str, Any]]:
    if field not in fields:
        raise BadFilterError(f"Invalid column: {field}")
    if not isinstance(conditions, Mapping):
        raise BadFilterError(f"{field}: Input should be a valid dictionary")
    for operator in conditions:
        if operator not in _TESTS:
            raise BadFilterError(f"{field}: unknown operator {operator!r}")
    return [(operator, wanted) for operator, wanted in conditions.items() if wanted != "any"]


def _condition(field: str, operator: str, wanted: object) -> Callable[[Row], bool]:
    test = _TESTS[operator]
    if operator in ("in", "notin") and not isinstance(wanted, list):
        raise BadFilterError(f"{field}: {operator} takes a list")
    return lambda row: test(row.get(field), wanted)


def _equal(value: object, wanted: object) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if type(value) is type(wanted) and isinstance(value, bool | int | str):
        return value == wanted
    left, right = _pair(value, wanted)
    return bool(left == right)


def _compared(test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def compare(value: object, wanted: object) -> bool:
        if value is None or wanted is None:
            return False
        left, right = _pair(value, wanted)
        return type(left) is type(right) and bool(test(left, right))

    return compare


def _pair(value: object, wanted: object) -> tuple[Any, Any]:
    """Both sides as the column's kind: a number beside a number-like text, a truth beside `true`."""
    if isinstance(value, str):
        return value, str(wanted)
    number = _number(wanted)
    return (
        (Decimal(repr(value)) if isinstance(value, float) else Decimal(_whole(value)), number)
        if number is not None
        else (value, wanted)
    )


def _whole(value: object) -> Any:  # noqa: ANN401 - int, bool or Decimal
    return int(value) if isinstance(value, bool) else value


def _number(wanted: object) -> Decimal | None:
    if isinstance(wanted, bool):
        return Decimal(int(wanted))
    text = {"true": "1", "false": "0"}.get(str(wanted).lower(), str(wanted))
    try:
        return Decimal(text)
    except ArithmeticError:
        return None


def _comparable(value: object) -> Any:  # noqa: ANN401 - whatever the column holds
    return float(value) if isinstance(value, int | float | Decimal) else str(value)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _equal,
    "neq": lambda value, wanted: not _equal(value, wanted),
    "gt": _compared(lambda left, right: left > right),
    "gte": _compared(lambda left, right: left >= right),
    "lt": _compared(lambda left, right: left < right),
    "lte": _compared(lambda left, right: left <= right),
    "in": lambda value, wanted: any(_equal(value, each) for each in wanted),
    "notin": lambda value, wanted: not any(_equal(value, each) for each in wanted),
}
