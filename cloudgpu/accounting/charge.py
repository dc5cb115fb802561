"""One charge: a sum of money for one meter of one instance over one interval, and how to cut it without losing any."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from itertools import pairwise

from cloudgpu.base.money import PICO

_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)
_DOWN = Context(prec=60, rounding=ROUND_DOWN)
"""So that no running total exceeds the whole and no piece turns negative."""


class Meter(StrEnum):
    """What is paid for. FEE is whatever a provider bills that is none of the others."""

    GPU = "gpu"
    DISK = "disk"
    DISK_STOPPED = "disk_stopped"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    FEE = "fee"


class Source(StrEnum):
    """Who says so: the provider's own bill, our meter (time × price), or the plan's estimate. From best to worst."""

    PROVIDER = "provider"
    METERED = "metered"
    ESTIMATED = "estimated"


class Purpose(StrEnum):
    """What the money was for. All but SERVING is the price of changing over or of a failure.

    FAILED_TRY: an instance that never answered. DOUBLE_RUN: the new side of a migration while the old one is in charge.
    ROLLBACK_WINDOW: the old side, kept for the way back.
    """

    SERVING = "serving"
    FAILED_TRY = "failed_try"
    DOUBLE_RUN = "double_run"
    ROLLBACK_WINDOW = "rollback_window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Dollars of one meter from `start` (inclusive) to `end` (exclusive), both UTC; equal for a cost of one moment.

    `hours` is the length of the interval, to 1e-12 h. `gpu` names the cards (`RTX 4090`, `2x RTX 4090`).
    `instance_id` is None only while the provider has not named the instance. `migration` is the id of the migration
    that caused the charge, None for what was simply served.
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
    purpose: Purpose = Purpose.SERVING
    migration: str | None = None

    def part(self, start: datetime, end: datetime, hours: Decimal, usd: Decimal) -> "Charge":
        """The same charge for a part of its time."""
        return Charge(
            deployment=self.deployment, token=self.token, instance_id=self.instance_id, provider=self.provider,
            model=self.model, gpu=self.gpu, meter=self.meter, start=start, end=end, hours=hours, usd=usd,
            source=self.source, purpose=self.purpose, migration=self.migration,
        )  # fmt: skip

    def labelled(self, purpose: Purpose, migration: str | None) -> "Charge":
        """The same money for another purpose."""
        return replace(self, purpose=purpose, migration=migration)

    def on(self, meter: Meter) -> "Charge":
        """The same money on another meter."""
        return self if meter is self.meter else replace(self, meter=meter)


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


def within(charge: Charge, since: datetime | None, until: datetime) -> Charge | None:
    """What of the charge lies between the two moments: None, a part of it, or the charge itself.

    `since` None is the beginning of time. A charge of one moment belongs to the interval that holds the moment.
    """
    if (since is None or charge.start >= since) and charge.end <= until:
        return charge
    if charge.start == charge.end:
        return None
    inside = [p for p in cut(charge, [until] if since is None else [since, until]) if p.start < until]
    return next((p for p in inside if since is None or p.start >= since), None)


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
    return charge.part(start, end, hours, usd)


def _running(charge: Charge, total: Decimal, until: datetime) -> Decimal:
    if until >= charge.end:
        return total
    passed, whole = (until - charge.start) // _MICROSECOND, (charge.end - charge.start) // _MICROSECOND
    return _DOWN.quantize(_DOWN.divide(_DOWN.multiply(total, Decimal(passed)), Decimal(whole)), PICO)


def _full_hours(start: datetime, end: datetime) -> Iterable[datetime]:
    edge = hour_of(start) + _HOUR
    while edge < end:
        yield edge
        edge += _HOUR
