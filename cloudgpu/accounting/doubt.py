"""How far the metered sum may be off, because the moment of a change is only known to lie between two looks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.bill import is_settled
from cloudgpu.accounting.life import Life
from cloudgpu.base.money import PICO, ZERO
from cloudgpu.base.units import SECONDS_PER_HOUR

_SECOND = timedelta(seconds=1)


def doubt_usd(life: Life, until: datetime) -> Decimal:
    """The most by which the provider's true sum for this life can differ from what is metered. Zero once it is billed.

    Each edge counts its price step times the time in which it can lie: the create between the intent and its answer,
    each change between two looks, the end between the request and its proof.
    """
    if not life.created or is_settled(life):
        return ZERO
    covered = (life.bill.last_end if life.bill else None) or life.began
    return sum((_cost(*edge, covered, until) for edge in _edges(life)), ZERO).quantize(PICO)


def _edges(life: Life) -> Iterator[tuple[datetime, datetime, Decimal]]:
    """Each moment of change: the earliest it can be, the latest, and the step in dollars per hour."""
    first = life.spans[0]
    yield life.began, life.answered_at or life.began, first.usd_per_hour
    for before, after in zip(life.spans, life.spans[1:], strict=False):
        steps = zip(before.rates, after.rates, strict=True)
        yield after.earliest, after.start, sum((abs(b - a) for b, a in steps), ZERO)
    if life.gone_at is not None:
        yield life.destroy_requested_at or life.gone_at, life.gone_at, life.spans[-1].usd_per_hour


def _cost(earliest: datetime, latest: datetime, step: Decimal, covered: datetime, until: datetime) -> Decimal:
    seconds = Decimal((min(latest, until) - max(earliest, covered)) / _SECOND)
    return step * max(ZERO, seconds) / SECONDS_PER_HOUR
