"""What was spent, summed up, and what still bills at this moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.billing import Billing, Purse, billing_now, burn_usd_per_hour, purses
from cloudgpu.accounting.charge import Charge, Purpose, Source, within
from cloudgpu.accounting.doubt import doubt_usd, running_hour_usd
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until, charges, served
from cloudgpu.accounting.period import day_of, hours_left_in_month, month_of
from cloudgpu.accounting.served import TokenCost, seen_by_life
from cloudgpu.accounting.sums import GROUPINGS, Sums
from cloudgpu.accounting.tally import Line, lines
from cloudgpu.base.errors import UsageError
from cloudgpu.base.money import PICO, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Money by the calendar of UTC. `forecast_usd` is the month's end if everything that bills now goes on billing."""

    today_usd: Decimal
    month_usd: Decimal
    forecast_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything spent from `since` (None: ever) to `as_of`, grouped by `by`, and what bills now.

    `doubt_usd` is how far the sum may be off, `running_hour_usd` how much of it the hour that is being billed. `pace`
    always tells of today and this month up to now, whatever the span of the report, as `billing_now` and the purses do.
    `tokens` is what a million tokens cost, by the group's key; empty, and `total_tokens` None, where no engine's
    counters were read: by meter it is empty always, a token belongs to no meter. `serving_tokens` is the part of the
    total that served: without double runs, rollback windows and tries that failed.
    """

    since: datetime | None
    as_of: datetime
    by: str
    lines: tuple[Line, ...]
    total: Line
    usd_by_source: Mapping[Source, Decimal]
    usd_by_purpose: Mapping[Purpose, Decimal]
    doubt_usd: Decimal
    running_hour_usd: Decimal
    pace: Pace
    billing_now: tuple[Billing, ...]
    burn_usd_per_hour: Decimal
    purses: tuple[Purse, ...]
    tokens: Mapping[str, TokenCost]
    total_tokens: TokenCost | None
    serving_tokens: TokenCost | None


def report(
    history: History, until: Until, by: str = "deployment", since: datetime | None = None, now: Until | None = None
) -> Report:
    """The report at `until` (UTC; see `ledger.Until`). Days and hours are those of UTC.

    `now` is each provider's present where the report ends before it; None: it ends now. Raises UsageError when `by` is
    not one of GROUPINGS. Reads no network and no clock.
    """
    if by not in GROUPINGS:
        raise UsageError(f"there is no grouping by {by!r}", hint=f"use one of {', '.join(GROUPINGS)}")
    sums, calendar = Sums(by, seen_by_life(history.lives, history.engines)), _Calendar(until if now is None else now)
    for charge in charges(history, until):
        if now is None:  # else they reach less far than the calendar, which reads its own
            calendar.add(charge)
        piece = within(charge, since, charge.end) if since else charge
        if piece is not None:
            sums.add(piece)
    for charge, stretch in served(history, until, since):
        sums.add_tokens(charge, stretch)
    for charge in charges(history, now) if now is not None else ():
        calendar.add(charge)
    bills = billing_now(history)
    return Report(
        since=since,
        as_of=latest(until),
        by=by,
        lines=lines(sums.groups),
        total=sums.whole.line("total"),
        usd_by_source=sums.by_source,
        usd_by_purpose=sums.by_purpose,
        doubt_usd=sum((doubt_usd(life, moment_of(until, life.provider), since) for life in history.lives), ZERO),
        running_hour_usd=sum(
            (running_hour_usd(life, moment_of(until, life.provider), since) for life in history.lives), ZERO
        ),
        pace=calendar.pace(bills),
        billing_now=bills,
        burn_usd_per_hour=burn_usd_per_hour(bills),
        purses=purses(history),
        tokens=sums.tokens(),
        total_tokens=sums.total_tokens(),
        serving_tokens=sums.serving_tokens(),
    )


def latest(until: Until) -> datetime:
    """The last moment of any provider."""
    return until if isinstance(until, datetime) else max(until.values())


def moment_of(until: Until, provider: str) -> datetime:
    """Up to when a provider's charges are told."""
    return until if isinstance(until, datetime) else until[provider]


class _Calendar:
    """Today's and this month's money, each provider by its own clock."""

    def __init__(self, until: Until) -> None:
        self._until = until
        self._edges: dict[str, tuple[datetime, datetime, datetime]] = {}
        self._today = self._month = ZERO

    def add(self, charge: Charge) -> None:
        day, month, now = self._edges.get(charge.provider) or self._learn(charge.provider)
        if charge.end < month:
            return
        self._month += _usd_since(charge, month, now)
        self._today += _usd_since(charge, day, now)

    def pace(self, billing: Iterable[Billing]) -> Pace:
        ahead = (
            each.total_usd_per_hour * hours_left_in_month(moment_of(self._until, each.provider)) for each in billing
        )
        forecast = (self._month + sum(ahead, ZERO)).quantize(PICO)
        return Pace(today_usd=self._today, month_usd=self._month, forecast_usd=forecast)

    def _learn(self, provider: str) -> tuple[datetime, datetime, datetime]:
        now = moment_of(self._until, provider)
        self._edges[provider] = day_of(now), month_of(now), now
        return self._edges[provider]


def _usd_since(charge: Charge, since: datetime, until: datetime) -> Decimal:
    piece = within(charge, since, until)
    return piece.usd if piece else ZERO
