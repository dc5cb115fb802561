"""Days, months and the time between, in UTC: the providers' own buckets are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, cut

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (None: from the beginning) to `until`, exclusive; both UTC."""

    since: datetime | None
    until: datetime


def day_of(moment: datetime) -> datetime:
    """The midnight with which a moment's day began."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(moment: datetime) -> datetime:
    """The midnight with which a moment's calendar month began."""
    return day_of(moment).replace(day=1)


def next_month(moment: datetime) -> datetime:
    """The midnight with which the month after a moment's begins."""
    return month_of(month_of(moment) + timedelta(days=32))


def hours_left_in_month(moment: datetime) -> Decimal:
    """Hours from a moment to the end of its calendar month."""
    return Decimal((next_month(moment) - moment) // timedelta(seconds=1)) / 3600


def by_day(charges: Iterable[Charge]) -> Iterable[Charge]:
    """The charges cut at every midnight of UTC; each piece lies in one day."""
    for charge in charges:
        if charge.start.date() == charge.end.date():  # a piece of one day needs no cut
            yield charge
        else:
            yield from cut(charge, _midnights(charge.start, charge.end))


def parse_day(text: str, *, end: bool = False) -> datetime:
    """`2026-11-03`, or a time of day with it, as UTC; as an end, a day alone means its last moment.

    Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text)
    whole_day = len(text) == len("2026-11-03")
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware + _DAY if end and whole_day else aware


def _midnights(start: datetime, end: datetime) -> Iterable[datetime]:
    edge = day_of(start) + _DAY
    while edge < end:
        yield edge
        edge += _DAY
