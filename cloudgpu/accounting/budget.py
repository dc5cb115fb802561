"""Budgets: how much of the month's money is used, when it will be gone, and what another rental would do to it. Pure.

Months are calendar months of UTC, each provider by its own clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudgpu.accounting.billing import Billing, billing_now
from cloudgpu.accounting.charge import Charge, within
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until, charges
from cloudgpu.accounting.period import hours_left_in_month, month_of
from cloudgpu.accounting.report import latest, moment_of
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import PICO, ZERO, exact_text, usd

THRESHOLDS = (50, 80, 100)
"""Percent of a limit at which somebody is told."""

MONTH = "month"
"""The scope of everything together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most to spend in a calendar month, on everything and on single deployments. None: no limit.

    `hard`: what would break it is refused. `stop`: `watch` takes down what bills once it is broken.
    """

    monthly_usd: Decimal | None = None
    per_deployment: Mapping[str, Decimal] = field(default_factory=dict)
    hard: bool = False
    stop: bool = False

    def as_data(self) -> dict[str, Any]:
        """The form inside an event."""
        return {
            "monthly_usd": exact_text(self.monthly_usd) if self.monthly_usd is not None else None,
            "per_deployment": {name: exact_text(limit) for name, limit in self.per_deployment.items()},
            "hard": self.hard,
            "stop": self.stop,
        }

    def limits(self) -> Iterator[tuple[str, Decimal]]:
        """Each scope with its limit."""
        if self.monthly_usd is not None:
            yield MONTH, self.monthly_usd
        yield from sorted(self.per_deployment.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of one limit is used. `breach_at` is when it will be gone at the present burn; None: not this month."""

    scope: str
    limit_usd: Decimal
    spent_usd: Decimal
    burn_usd_per_hour: Decimal
    forecast_usd: Decimal
    breach_at: datetime | None

    @property
    def percent(self) -> Decimal:
        """Of the limit."""
        return (self.spent_usd * 100 / self.limit_usd).quantize(Decimal("0.1"))

    @property
    def crossed(self) -> int | None:
        """The highest threshold that is reached."""
        return next((each for each in reversed(THRESHOLDS) if self.percent >= each), None)


def budget_of(events: Iterable[Event]) -> Budget | None:
    """The budget that was set last; None when there is none, or it was cleared."""
    last = next((event for event in reversed([*events]) if event.kind is EventKind.BUDGET), None)
    if last is None or not last.data:
        return None
    data = last.data
    return Budget(
        monthly_usd=usd(data["monthly_usd"]) if data["monthly_usd"] is not None else None,
        per_deployment={name: usd(limit) for name, limit in data["per_deployment"].items()},
        hard=bool(data["hard"]),
        stop=bool(data["stop"]),
    )


def uses(history: History, budget: Budget, until: Until) -> list[Use]:
    """Every limit and how much of it is used, the whole month first."""
    spent = _spent_this_month(history, until)
    billing = billing_now(history)
    return [_use(scope, limit, spent, billing, latest(until)) for scope, limit in budget.limits()]


def broken_by(
    found: Iterable[Use], deployment: str, usd_per_hour: Decimal, hours: Decimal, once_usd: Decimal
) -> str | None:
    """Why renting this for so many hours would break a limit, in one sentence; None when it would not.

    Counts what is spent, what bills already over the same hours, and the new rental. `once_usd` is paid at the start.
    """
    for use in found:
        if use.scope not in (MONTH, deployment):
            continue
        ahead = (use.burn_usd_per_hour + usd_per_hour) * hours + once_usd
        if use.spent_usd + ahead > use.limit_usd:
            return _sentence(use, ahead, hours)
    return None


def _sentence(use: Use, ahead_usd: Decimal, hours: Decimal) -> str:
    whose = "this month's budget" if use.scope == MONTH else f"the month's budget of {use.scope}"
    return (
        f"{whose} is ${use.limit_usd:.2f}: ${use.spent_usd:.2f} is spent, and the next {hours.normalize():f} h would "
        f"take ${ahead_usd:.2f}"
    )


def _spent_this_month(history: History, until: Until) -> Mapping[str, Decimal]:
    spent: dict[str, Decimal] = {}
    for charge in charges(history, until):
        piece = _this_month(charge, until)
        if piece is not None:
            spent[charge.deployment] = spent.get(charge.deployment, ZERO) + piece.usd
    return spent


def _this_month(charge: Charge, until: Until) -> Charge | None:
    now = moment_of(until, charge.provider)
    return within(charge, month_of(now), now)


def _use(scope: str, limit: Decimal, spent: Mapping[str, Decimal], billing: tuple[Billing, ...], now: datetime) -> Use:
    mine = [each for each in billing if scope in (MONTH, each.deployment)]
    used = sum(spent.values(), ZERO) if scope == MONTH else spent.get(scope, ZERO)
    burn = sum((each.total_usd_per_hour for each in mine), ZERO)
    left_h = hours_left_in_month(now)
    return Use(
        scope=scope, limit_usd=limit, spent_usd=used, burn_usd_per_hour=burn,
        forecast_usd=(used + burn * left_h).quantize(PICO), breach_at=_breach(limit - used, burn, left_h, now),
    )  # fmt: skip


def _breach(room: Decimal, burn: Decimal, left_h: Decimal, now: datetime) -> datetime | None:
    if room <= 0:
        return now
    if not burn or room / burn > left_h:
        return None
    return now + timedelta(hours=float(room / burn))
