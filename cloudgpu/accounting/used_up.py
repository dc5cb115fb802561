"""The moment at which a limit was used up, as the charges tell it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.charge import Charge
from cloudgpu.base.money import ZERO

_MICROSECOND = timedelta(microseconds=1)


def used_up_at(charges: Iterable[Charge], limit_usd: Decimal) -> datetime | None:
    """When the charges, which reach the limit, did so, each spread evenly over its time; None without charges."""
    jumps, slopes = _changes(charges)
    spent = per_microsecond = ZERO
    before: datetime | None = None
    for mark in sorted({*jumps, *slopes}):
        if before is not None and per_microsecond > 0:
            ahead = per_microsecond * ((mark - before) // _MICROSECOND)
            if spent + ahead >= limit_usd:
                return before + _MICROSECOND * int((limit_usd - spent) / per_microsecond)
            spent += ahead
        spent += jumps.get(mark, ZERO)
        if spent >= limit_usd:
            return mark
        per_microsecond += slopes.get(mark, ZERO)
        before = mark
    return before


def _changes(charges: Iterable[Charge]) -> tuple[dict[datetime, Decimal], dict[datetime, Decimal]]:
    """What is paid at one moment, and by how much the pace in dollars per microsecond changes, by moment."""
    jumps: dict[datetime, Decimal] = {}
    slopes: dict[datetime, Decimal] = {}
    for charge in charges:
        length = (charge.end - charge.start) // _MICROSECOND
        if not length:
            jumps[charge.start] = jumps.get(charge.start, ZERO) + charge.usd
            continue
        slope = charge.usd / length
        slopes[charge.start] = slopes.get(charge.start, ZERO) + slope
        slopes[charge.end] = slopes.get(charge.end, ZERO) - slope
    return jumps, slopes
