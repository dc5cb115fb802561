"""One charge: a sum of money for one meter of one instance over one interval, and how to cut it without losing any."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from itertools import pairwise

from cloudgpu.base.money import PICO

_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


class Meter(StrEnum):
    """What is paid for. OTHER is upload traffic and whatever else a provider bills."""

    GPU = "gpu"
    DISK = "disk"
    DOWNLOAD = "download"
    OTHER = "other"


class Source(StrEnum):
    """Who says so: the provider's own bill, our meter (time × price), or the plan's estimate. From best to worst."""

    PROVIDER = "provider"
    METERED = "metered"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Dollars of one meter from `start` (inclusive) to `end` (exclusive), both UTC; equal for a cost of one moment.

    `hours` is the length of the interval, to 1e-12 h. `gpu` names the cards (`RTX 4090`, `2x RTX 4090`).
    `instance_id` is None only while the provider has not named the instance.
    """

    deployment: str
    token: str
    instance_id: str | None
    provider: str
    model: str
    gpu: str
    meter: Meter
    start: datetime
    end: datetime
    hours: Decimal
    usd: Decimal
    source: Source


def hours_between(start: datetime, end: datetime) -> Decimal:
    """The length of an interval in hours, to 1e-12 h; zero when it is empty."""
    microseconds = max(0, (end - start) // _MICROSECOND)
    return (Decimal(microseconds) / (_HOUR // _MICROSECOND)).quantize(PICO, rounding=ROUND_HALF_EVEN)


def cut(charge: Charge, edges: Iterable[datetime]) -> list[Charge]:
    """The charge in pieces, divided at those edges that lie inside it.

    Each piece is the difference of two running totals, so the pieces of any cut add up to exactly the whole.
    """
    inner = sorted({edge for edge in edges if charge.start < edge < charge.end})
    marks = [charge.start, *inner, charge.end]
    return [_piece(charge, start, end) for start, end in pairwise(marks)]


def clip(charge: Charge, until: datetime) -> list[Charge]:
    """What of the charge lies before `until`: nothing, a part of it, or the charge itself."""
    if charge.start >= until:
        return []
    return cut(charge, [until])[:1]


def by_hour(charges: Iterable[Charge]) -> list[Charge]:
    """The charges cut at every full hour of UTC; each piece lies in one hour."""
    return [piece for charge in charges for piece in cut(charge, _full_hours(charge.start, charge.end))]


def hour_of(moment: datetime) -> datetime:
    """The full hour of UTC in which a moment lies."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _piece(charge: Charge, start: datetime, end: datetime) -> Charge:
    if (start, end) == (charge.start, charge.end):
        return charge
    usd = _running(charge, charge.usd, end) - _running(charge, charge.usd, start)
    hours = _running(charge, charge.hours, end) - _running(charge, charge.hours, start)
    return replace(charge, start=start, end=end, usd=usd, hours=hours)


def _running(charge: Charge, total: Decimal, until: datetime) -> Decimal:
    if until >= charge.end:
        return total
    passed, whole = (until - charge.start) // _MICROSECOND, (charge.end - charge.start) // _MICROSECOND
    with localcontext(prec=60):
        # Down, so that no running total exceeds the whole and no piece turns negative.
        return (total * passed / whole).quantize(PICO, rounding=ROUND_DOWN)


def _full_hours(start: datetime, end: datetime) -> Iterable[datetime]:
    edge = hour_of(start) + _HOUR
    while edge < end:
        yield edge
        edge += _HOUR
