"""How much of a month's money is used, when it will be gone, and what another rental would do to it. Pure.

Months are calendar months of UTC, each provider by its own clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from cloudgpu.accounting.billing import billing_now
from cloudgpu.accounting.budget import MONTH, THRESHOLDS
from cloudgpu.accounting.charge import Charge, within
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until, charges
from cloudgpu.accounting.period import hours_left_in_month, month_of
from cloudgpu.accounting.report import latest, moment_of
from cloudgpu.accounting.used_up import used_up_at
from cloudgpu.base.money import PICO, ZERO, show_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of one limit is used, in the month named `month` (`2026-11`).

    `breach_at` is when it was used up, as the ledger tells; while it is not, when it will be at the present burn. None:
    not this month.
    """

    scope: str
    month: str
    limit_usd: Decimal
    spent_usd: Decimal
    burn_usd_per_hour: Decimal
    forecast_usd: Decimal
    breach_at: datetime | None

    @property
    def percent(self) -> Decimal:
        """Of the limit, never rounded up to all of it."""
        return (self.spent_usd * 100 / self.limit_usd).quantize(Decimal("0.1"), rounding=ROUND_DOWN)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing of the limit is left."""
        return self.spent_usd >= self.limit_usd

    @property
    def crossed(self) -> int | None:
        """The highest threshold that is reached."""
        return next((each for each in reversed(THRESHOLDS) if self.percent >= each), None)


def uses(history: History, until: Until) -> list[Use]:
    """Every limit of the budget that holds and how much of it is used, the whole month first; empty without one."""
    if history.budget is None:
        return []
    spent: dict[str, Decimal] = {}
    for piece in _this_month(history, until):
        spent[piece.deployment] = spent.get(piece.deployment, ZERO) + piece.usd
    return [_use(scope, limit, spent, history, until) for scope, limit in history.budget.limits()]


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


def used_words(use: Use) -> str:
    """How much of a limit is used and when it was, or will be, gone, in one sentence."""
    whose = "The month's budget" if use.scope == MONTH else f"The month's budget of {use.scope}"
    end = ""
    if use.breach_at is not None:
        moment = f"{use.breach_at:%Y-%m-%d %H:%M} UTC"
        end = f", gone since {moment}" if use.is_used_up else f", gone at {moment} at this burn"
    return f"{whose} is {use.percent} % used: {show_usd(use.spent_usd)} of {show_usd(use.limit_usd)}{end}."


def end_words(use: Use) -> str:
    """When a limit was, or will be, gone, for a cell."""
    if use.breach_at is None:
        return "not this month"
    return f"{'since ' if use.is_used_up else ''}{use.breach_at:%Y-%m-%d %H:%M}"


def _sentence(use: Use, ahead_usd: Decimal, hours: Decimal) -> str:
    whose = "this month's budget" if use.scope == MONTH else f"the month's budget of {use.scope}"
    return (
        f"{whose} is ${use.limit_usd:.2f}: ${use.spent_usd:.2f} is spent, and the next {hours.normalize():f} h would "
        f"take ${ahead_usd:.2f}"
    )


def _this_month(history: History, until: Until, scope: str = MONTH) -> Iterator[Charge]:
    """What of the charges of a scope lies in the month of their provider's clock."""
    moments = [until] if isinstance(until, datetime) else until.values()
    for charge in charges(history, until, min(month_of(now) for now in moments)):
        if scope in (MONTH, charge.deployment):
            now = moment_of(until, charge.provider)
            piece = within(charge, month_of(now), now)
            if piece is not None:
                yield piece


def _use(scope: str, limit: Decimal, spent: Mapping[str, Decimal], history: History, until: Until) -> Use:
    mine = [each for each in billing_now(history) if scope in (MONTH, each.deployment)]
    used = sum(spent.values(), ZERO) if scope == MONTH else spent.get(scope, ZERO)
    burn = sum((each.total_usd_per_hour for each in mine), ZERO)
    now = latest(until)
    left_h = hours_left_in_month(now)
    gone = used >= limit
    return Use(
        scope=scope, month=f"{now:%Y-%m}", limit_usd=limit, spent_usd=used, burn_usd_per_hour=burn,
        forecast_usd=(used + burn * left_h).quantize(PICO),
        breach_at=used_up_at(_this_month(history, until, scope), limit) if gone
        else _breach(limit - used, burn, left_h, now),
    )  # fmt: skip


def _breach(room: Decimal, burn: Decimal, left_h: Decimal, now: datetime) -> datetime | None:
    if not burn or room / burn > left_h:
        return None
    return now + timedelta(hours=float(room / burn))
