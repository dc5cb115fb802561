"""How far the metered sum may be off, because the moment of a change is only known to lie between two looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from cloudgpu.accounting.bill import BILLED_BY_THE_HOUR, SETTLES_WITHIN_H, billed_until, is_settled
from cloudgpu.accounting.charge import Meter, hour_of
from cloudgpu.accounting.life import Life
from cloudgpu.base.money import PICO, ZERO
from cloudgpu.base.units import SECONDS_PER_HOUR

_SECOND = timedelta(seconds=1)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Change(StrEnum):
    """What happened at a moment that nobody saw."""

    BEGAN = "began"
    CHANGED = "changed"
    ENDED = "ended"
    HOST_LOST = "host lost"
    OUT_OF_SIGHT = "out of sight"


@dataclass(frozen=True, slots=True)
class Edge:
    """A change of price: the earliest it can have been, the latest, and its steps in dollars per hour.

    A step below zero: had it been early, the bill is less than the meter. Where a host was lost or nobody could look,
    the sign says nothing.
    """

    what: Change
    earliest: datetime
    latest: datetime
    gpu_step: Decimal
    disk_step: Decimal

    def usd(self, meter: Meter, since: datetime, until: datetime) -> Decimal:
        """How much of GPU, or else of disk, it leaves in doubt between two moments."""
        return abs(self.gpu_step if meter is Meter.GPU else self.disk_step) * self.hours(since, until)

    def explains(self, meter: Meter, difference_usd: Decimal) -> bool:
        """Whether a bill that differs so much from the meter can come from it."""
        step = self.gpu_step if meter is Meter.GPU else self.disk_step
        return self.what in (Change.HOST_LOST, Change.OUT_OF_SIGHT) or step * difference_usd > 0

    def hours(self, since: datetime, until: datetime) -> Decimal:
        """How much of the time in which it can lie is between the moments."""
        first, last = max(self.earliest, since), min(self.latest, until)
        return Decimal((last - first) / _SECOND) / SECONDS_PER_HOUR if last > first else ZERO


def doubt_usd(life: Life, until: datetime, since: datetime | None = None) -> Decimal:
    """The most by which the true sum of a life from `since` (None: ever) to `until` can differ from what is told.

    A create that nobody answered yet may cost the planned price since its intent, or nothing. Each edge counts its
    price step times the time in which it can lie: the create between the intent and its answer, each change between
    two looks, the end between the request and its proof, or since the last look that saw it. While it is out of sight
    it may be gone, or run and cost all it ever did: its highest price since it was last shown. While its host is out
    of reach, the disk is in doubt, metered or not; and `running_hour_usd`. Zero once it is billed.
    """
    if is_settled(life):
        return ZERO
    covered = max(billed_until(life) or life.began, since or life.began)
    found = ((abs(edge.gpu_step) + abs(edge.disk_step)) * edge.hours(covered, until) for edge in edges(life))
    return (sum(found, ZERO) + running_hour_usd(life, until, since)).quantize(PICO)


def running_hour_usd(life: Life, until: datetime, since: datetime | None = None) -> Decimal:
    """The part of the doubt that an hourly bill leaves itself: it does not say to the second how much it counts in.

    Five minutes of everything, in the hour in which the bill ends; zero for a time that does not reach that hour.
    """
    end = life.bill.last_end if life.bill else None
    if end is None or end != billed_until(life) or is_settled(life) or life.provider not in BILLED_BY_THE_HOUR:
        return ZERO
    if until <= hour_of(end) or (since is not None and since >= end):
        return ZERO
    return (max((span.usd_per_hour for span in life.spans), default=ZERO) * SETTLES_WITHIN_H).quantize(PICO)


def doubt_of_meter_usd(life: Life, meter: Meter, since: datetime, until: datetime) -> Decimal:
    """The most by which what is metered of GPU, or else of disk, between two moments can be off, were there no bill."""
    return sum((edge.usd(meter, since, until) for edge in edges(life)), ZERO).quantize(PICO)


def edges(life: Life) -> Iterator[Edge]:
    """Each moment of change, and each time of a lost host or of an unanswered create, to its last moment."""
    if not life.created:
        if not life.abandoned:
            yield Edge(Change.OUT_OF_SIGHT, life.began, _FOR_EVER, *life.planned_rates)
        return
    first = life.spans[0]
    yield Edge(Change.BEGAN, life.began, life.answered_at or life.began, *_less(first.rates))
    for before, after in zip(life.spans, life.spans[1:], strict=False):
        steps = (a - b for b, a in zip(before.rates, after.rates, strict=True))
        yield Edge(Change.CHANGED, after.earliest, after.start, *steps)
    ends = [*(span.start for span in life.spans[1:]), life.gone_at or _FOR_EVER]
    for span, end in zip(life.spans, ends, strict=True):
        if span.host_lost:
            yield Edge(Change.HOST_LOST, span.earliest, end, ZERO, life.highest_rates[1])
    if life.gone_at is not None:
        rates = life.spans[-1].rates
        step = rates if life.vanished else _less(rates)  # the meter stopped at the earliest moment, else at the latest
        yield Edge(Change.ENDED, life.gone_earliest or life.gone_at, life.gone_at, *step)
    elif life.shown_until is not None:
        yield Edge(Change.OUT_OF_SIGHT, life.shown_until, _FOR_EVER, *life.highest_rates)


def _less(rates: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return -rates[0], -rates[1]
