"""What was spent, summed up, and what still bills at this moment."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Meter, Source, by_hour, hour_of
from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.life import Life, lives
from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import UsageError
from cloudgpu.base.events import Event
from cloudgpu.base.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The sum of a group of charges, in dollars per meter. `gpu_hours` counts hours in which the GPU was charged.

    `source` is the least certain source of anything in the group.
    """

    key: str
    gpu_hours: Decimal
    gpu_usd: Decimal
    disk_usd: Decimal
    download_usd: Decimal
    other_usd: Decimal
    total_usd: Decimal
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """An instance that costs money now, or may: dollars per hour for what is charged in its present state.

    `certain` is False when a create was announced and nobody knows yet whether the instance exists;
    `cleanup_failed` says that its end was asked for and could not be confirmed.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything spent before `as_of`, grouped by `by`, and the burn: dollars per hour of all that bills now."""

    as_of: datetime
    by: str
    lines: tuple[Line, ...]
    total: Line
    usd_by_source: Mapping[Source, Decimal]
    billing_now: tuple[Billing, ...]
    burn_usd_per_hour: Decimal


_KEYS: Mapping[str, Callable[[Charge], str]] = {
    "deployment": lambda charge: charge.deployment,
    "model": lambda charge: charge.model,
    "provider": lambda charge: charge.provider,
    "gpu": lambda charge: charge.gpu,
    "meter": lambda charge: charge.meter,
    "day": lambda charge: charge.start.date().isoformat(),
    "hour": lambda charge: utc_text(hour_of(charge.start)),
}

GROUPINGS = tuple(_KEYS)


def report(events: Sequence[Event], until: datetime | Mapping[str, datetime], by: str = "deployment") -> Report:
    """The report at `until` (UTC; see `ledger.fold`). Days and hours are those of UTC.

    Raises UsageError when `by` is not one of GROUPINGS. Reads no network and no clock.
    """
    if by not in _KEYS:
        raise UsageError(f"there is no grouping by {by!r}", hint=f"use one of {', '.join(GROUPINGS)}")
    charges = fold(events, until)
    pieces = by_hour(charges) if by in ("day", "hour") else charges
    now = billing_now(events)
    return Report(
        as_of=until if isinstance(until, datetime) else max(until.values()),
        by=by,
        lines=group(pieces, _KEYS[by]),
        total=total("total", charges),
        usd_by_source={source: _sum(c for c in charges if c.source is source) for source in Source},
        billing_now=now,
        burn_usd_per_hour=sum((each.total_usd_per_hour for each in now), ZERO),
    )


def group(charges: Iterable[Charge], key: Callable[[Charge], str]) -> tuple[Line, ...]:
    """One line per key, in order of the keys."""
    groups: dict[str, list[Charge]] = {}
    for charge in charges:
        groups.setdefault(key(charge), []).append(charge)
    return tuple(total(name, groups[name]) for name in sorted(groups))


def total(key: str, charges: Sequence[Charge]) -> Line:
    """The exact sum of some charges; nothing is rounded. No charges sum up to zero, marked as the provider's."""
    gpu, disk, download, other = (_sum(c for c in charges if c.meter is meter) for meter in Meter)
    return Line(
        key=key,
        gpu_hours=sum((c.hours for c in charges if c.meter is Meter.GPU), ZERO),
        gpu_usd=gpu,
        disk_usd=disk,
        download_usd=download,
        other_usd=other,
        total_usd=gpu + disk + download + other,
        source=least_certain(charges),
    )


def billing_now(events: Iterable[Event]) -> tuple[Billing, ...]:
    """What costs money after the last event: every instance whose end is not confirmed, stopped ones for their disk."""
    return tuple(_billing(life) for life in lives(events) if _may_bill(life))


def least_certain(charges: Iterable[Charge]) -> Source:
    """The weakest word behind any of the charges: estimated before metered before the provider's own."""
    return max((charge.source for charge in charges), key=tuple(Source).index, default=Source.PROVIDER)


def _may_bill(life: Life) -> bool:
    return life.gone_at is None and not life.abandoned


def _billing(life: Life) -> Billing:
    gpu, disk = life.spans[-1].rates if life.created else life.planned_rates
    return Billing(
        deployment=life.deployment,
        provider=life.provider,
        instance_id=life.instance_id,
        model=life.model,
        gpu=life.gpu,
        since=life.began,
        gpu_usd_per_hour=gpu,
        disk_usd_per_hour=disk,
        total_usd_per_hour=gpu + disk,
        certain=life.created,
        cleanup_failed=life.cleanup_failed,
    )


def _sum(charges: Iterable[Charge]) -> Decimal:
    return sum((charge.usd for charge in charges), ZERO)
