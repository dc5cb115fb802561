"""What costs money at this moment, and how long the prepaid money lasts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.history import Balance, History
from cloudgpu.accounting.life import Life
from cloudgpu.base.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """An instance that costs money now, or may: dollars per hour for what is charged in its present state.

    `certain` is False when a create was announced and nobody knows yet whether the instance exists;
    `cleanup_failed` says that its end was asked for and could not be confirmed. `shown_until` is the last moment at
    which it is known to have been there, while it is out of sight; None: the last look showed it.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The prepaid money at one provider as it was last read, and how long it lasts. None: nothing burns there."""

    balance: Balance
    burn_usd_per_hour: Decimal
    hours_left: Decimal | None


def billing_now(history: History) -> tuple[Billing, ...]:
    """What costs money after the last event: every instance whose end is not confirmed, stopped ones for their disk."""
    return tuple(_billing(life) for life in history.lives if life.gone_at is None and not life.abandoned)


def burn_usd_per_hour(billing: tuple[Billing, ...], provider: str | None = None) -> Decimal:
    """Dollars per hour of all that bills now, at one provider or at all."""
    return sum((each.total_usd_per_hour for each in billing if provider in (None, each.provider)), ZERO)


def purses(history: History) -> tuple[Purse, ...]:
    """The prepaid money by provider, as far as it was ever read."""
    billing = billing_now(history)
    return tuple(
        _purse(balance, burn_usd_per_hour(billing, name)) for name, balance in sorted(history.latest_balances().items())
    )


def _purse(balance: Balance, burn: Decimal) -> Purse:
    hours = (max(balance.usd, ZERO) / burn).quantize(Decimal("0.1")) if burn else None
    return Purse(balance=balance, burn_usd_per_hour=burn, hours_left=hours)


def _billing(life: Life) -> Billing:
    gpu, disk = life.spans[-1].rates if life.created else life.planned_rates
    return Billing(
        deployment=life.deployment, provider=life.provider, instance_id=life.instance_id, model=life.model,
        gpu=life.gpu, since=life.began, gpu_usd_per_hour=gpu, disk_usd_per_hour=disk, total_usd_per_hour=gpu + disk,
        certain=life.created, cleanup_failed=life.cleanup_failed, shown_until=life.shown_until,
    )  # fmt: skip
