"""What costs money at this moment, and how long the prepaid money lasts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.history import Balance, History, Look
from cloudgpu.accounting.life import Life
from cloudgpu.base.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """An instance that costs money now, or may: dollars per hour for what is charged in its present state.

    `certain` is False when a create was announced and nobody knows yet whether the instance exists;
    `cleanup_failed` says that its end was asked for and could not be confirmed. `shown_until` is the last moment at
    which it is known to have been there, while it is out of sight; None: the last look showed it. `seen_at` is when its
    provider showed it last and `seen_ago_s` how many seconds ago that was: what it costs now is known as of then. None:
    it was never shown, or nobody told.
    """

    deployment: str
    provider: str
    instance_id: str | None
    model: str
    gpu: str
    since: datetime
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    total_usd_per_hour: Decimal
    certain: bool
    cleanup_failed: bool
    shown_until: datetime | None
    seen_at: datetime | None = None
    seen_ago_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The prepaid money at one provider as it was last read, and how long it lasts. None: nothing burns there."""

    balance: Balance
    burn_usd_per_hour: Decimal
    hours_left: Decimal | None


def billing_now(history: History) -> tuple[Billing, ...]:
    """What costs money after the last event: every instance whose end is not confirmed, stopped ones for their disk."""
    return tuple(
        _billing(life, history.looks.get(life.token))
        for life in history.lives
        if life.gone_at is None and not life.abandoned
    )


def burn_usd_per_hour(billing: tuple[Billing, ...], provider: str | None = None) -> Decimal:
    """Dollars per hour of all that bills now, at one provider or at all."""
    return sum((each.total_usd_per_hour for each in billing if provider in (None, each.provider)), ZERO)


def seen_ago_s(billing: Iterable[Billing], provider: str | None = None) -> int | None:
    """How old the oldest look is on which the burn rests, at one provider or at all; None where nothing is known."""
    ages = [each.seen_ago_s for each in billing if provider in (None, each.provider) and each.seen_ago_s is not None]
    return max(ages, default=None)


def seen_words(billing: Iterable[Billing]) -> str:
    """` as seen 2026-11-21 08:00 UTC`: the oldest look on which the burn rests; nothing where none is known."""
    known = [each.seen_at for each in billing if each.seen_at is not None]
    return f" as seen {min(known):%Y-%m-%d %H:%M} UTC" if known else ""


def purses(history: History) -> tuple[Purse, ...]:
    """The prepaid money by provider, as far as it was ever read."""
    billing = billing_now(history)
    return tuple(
        _purse(balance, burn_usd_per_hour(billing, name)) for name, balance in sorted(history.latest_balances().items())
    )


def _purse(balance: Balance, burn: Decimal) -> Purse:
    hours = (max(balance.usd, ZERO) / burn).quantize(Decimal("0.1")) if burn else None
    return Purse(balance=balance, burn_usd_per_hour=burn, hours_left=hours)


def _billing(life: Life, look: Look | None) -> Billing:
    gpu, disk = life.spans[-1].rates if life.created else life.planned_rates
    return Billing(
        deployment=life.deployment, provider=life.provider, instance_id=life.instance_id, model=life.model,
        gpu=life.gpu, since=life.began, gpu_usd_per_hour=gpu, disk_usd_per_hour=disk, total_usd_per_hour=gpu + disk,
        certain=life.created, cleanup_failed=life.cleanup_failed, shown_until=life.shown_until,
        seen_at=look.at if look else None, seen_ago_s=look.ago_s if look else None,
    )  # fmt: skip
