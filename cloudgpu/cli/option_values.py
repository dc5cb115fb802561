"""Values as they were typed on the command line: numbers kept exactly, and nothing empty taken for nothing."""

from decimal import Decimal, InvalidOperation
from math import isfinite

from cloudgpu.base.errors import UsageError
from cloudgpu.base.money import PICO

DEFAULT_ADAPTER_RANK = 16
MOST_USD = 1_000_000
"""More than this at once is a slip of the finger, and beyond what every format of the ledger can hold."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_YEAR_S = 366 * 86400


def positive(text: str, option: str) -> Decimal:
    """The number, exactly. Raises UsageError when it is none, not finite, or not above zero."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{option} wants a number, not {text!r}", hint=f"for example {option} 1.50") from None
    if not value.is_finite() or value <= 0:
        raise UsageError(f"{option} wants a number above zero, not {text}", hint=f"for example {option} 1.50")
    return value


def within_reason(amount: Decimal, what: str, most: int = MOST_USD) -> Decimal:
    """The amount of dollars. Raises UsageError above `most`, either way, and for what no sum of the ledger could hold.

    That is anything finer than a trillionth of a dollar.
    """
    if abs(amount) > most:
        raise UsageError(f"{what} must be {most} dollars at most, not {amount}", hint="for example 1.50")
    if amount != amount.quantize(PICO):
        raise UsageError(f"{what} is finer than a trillionth of a dollar: {amount}", hint="for example 1.50")
    return amount


def seconds(text: str | None, option: str) -> float | None:
    """A length of time such as `90s`, `30m`, `8h` or `2d`, in seconds; None when it was not given.

    Raises UsageError for anything else, for nothing at all, and for more than a year.
    """
    if text is None:
        return None
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    length = float(positive(number, option)) * _UNITS[unit] if unit in _UNITS else 0.0
    if not 0 < length <= _YEAR_S:
        raise UsageError(
            f"{option} wants a length of time, not {text!r}", hint=f"for example {option} 30m, 8h or 2d; a year at most"
        )
    return length


def seconds_or_length(text: str, option: str) -> float:
    """As `seconds`, where a bare number means seconds."""
    bare = text.strip()[-1:].isdigit() or text.strip()[-1:] == "."
    return seconds(f"{text}s" if bare else text, option) or 0.0


def finite(value: float | None, option: str, most: float) -> float | None:
    """The value, when it is a number from 0 to `most`; the parser lets NaN through. None stays None."""
    if value is not None and not (isfinite(value) and 0 <= value <= most):
        raise UsageError(
            f"{option} must be a number from 0 to {most:g}, not {value:g}", hint=f"leave {option} out for its default"
        )
    return value


def refuse_empty(**given: object) -> None:
    """Raises UsageError for the first text, or text of a list, that was given but is empty. Names are the options'."""
    for name, value in given.items():
        texts = value if isinstance(value, list | tuple) else (value,)
        if any(isinstance(text, str) and not text.strip() for text in texts):
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} is empty", hint=f"leave {option} out, or give it a value")


def lora_rank_of(adapter: str | None, rank: int | None) -> int | None:
    """The rank to plan for; None without an adapter. Raises UsageError for a rank of no adapter."""
    if adapter is None and rank is not None:
        raise UsageError("--adapter-rank was given, but no adapter", hint="add --adapter OWNER/NAME")
    return None if adapter is None else rank or DEFAULT_ADAPTER_RANK
