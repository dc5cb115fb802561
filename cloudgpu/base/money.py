"""Exact US dollars.

Money is `decimal.Decimal` everywhere; a float price is a type error. Rates are kept exactly as a provider sent them.
A charge is quantised once, to a trillionth of a dollar, and always as a difference of two running totals, so that
cutting an interval anywhere gives the same sum (`accrued_usd`).
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

ZERO = Decimal(0)
PICO = Decimal("1e-12")
"""The smallest amount a charge is kept in."""

_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def usd(value: str | int | Decimal) -> Decimal:
    """An exact amount from text, a whole number or a Decimal.

    Raises TypeError for a float (its decimal digits are already lost) and ValueError for text that is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError(f"money is exact: {value!r} is a {type(value).__name__}")
    try:
        amount = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"{value!r} is not an amount of money") from None
    if not amount.is_finite():
        raise ValueError(f"{value!r} is not an amount of money")
    return amount


def usd_from_float(value: float) -> Decimal:
    """The amount whose shortest decimal text is `value`: for numbers that a library has already parsed from JSON."""
    return usd(repr(float(value)))


def accrued_usd(usd_per_hour: Decimal, since: datetime, start: datetime, end: datetime) -> Decimal:
    """What a rate that began at `since` charges between `start` and `end`, to a trillionth of a dollar.

    Computed as total(since..end) - total(since..start), each rounded once, so the parts of any cut add up to the whole.
    Times before `since` count as `since`.
    """
    whole = _total_usd(usd_per_hour, since, end)
    return whole if start <= since else whole - _total_usd(usd_per_hour, since, start)


def exact_text(amount: Decimal) -> str:
    """The amount as plain decimal digits, without exponent or trailing zeros: the form of every JSON and CSV output."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def show_usd(amount: Decimal, places: int = 2) -> str:
    """The amount for people: `$0.4567` at four places. Rounded half to even, only ever for showing."""
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    sign = "-" if rounded < 0 else ""
    return f"{sign}${abs(rounded):,.{places}f}"


def _total_usd(usd_per_hour: Decimal, since: datetime, until: datetime) -> Decimal:
    microseconds = Decimal(max(0, (until - since) // _MICROSECOND))
    product = _EXACT.multiply(usd_per_hour, microseconds)
    return _EXACT.quantize(_EXACT.divide(product, _MICROSECONDS_PER_HOUR), PICO)
