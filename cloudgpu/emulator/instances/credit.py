"""When prepaid money is used up, to the microsecond whenever somebody comes to look, and what that does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.instances.billing import bill_usd
from cloudgpu.emulator.instances.instance import Instance, Stage, step_at
from cloudgpu.emulator.instances.lifecycle import cut, turned

_KEPT = timedelta(hours=24)
_MICROSECOND = timedelta(microseconds=1)


def used_up_at(instances: Sequence[Instance], credit_usd: Decimal, opened: datetime, now: datetime) -> datetime | None:
    """The first moment at which the bill reaches the money that was paid in; None when some is left at `now`.

    A bill never falls, so halving the interval finds it.
    """
    if _billed(instances, opened, now) < credit_usd:
        return None
    low, high = 0, (now - opened) // _MICROSECOND
    while low < high:
        middle = (low + high) // 2
        if _billed(instances, opened, opened + middle * _MICROSECOND) >= credit_usd:
            high = middle
        else:
            low = middle + 1
    return opened + high * _MICROSECOND


def unpaid(instance: Instance, broke_at: datetime, now: datetime) -> Instance:
    """An instance that nobody has paid for since `broke_at`, as its provider leaves it.

    RunPod removes a pod, or stops one that has a network volume. Vast.ai stops an instance, and removes it a day later:
    how long it really waits is not documented.
    """
    removed_at = broke_at + _KEPT
    if instance.pod is not None:
        return _ended(instance, broke_at, Stage.STOPPED if instance.pod.network_volume else Stage.TERMINATED)
    stopped = _ended(instance, broke_at, Stage.STOPPED)
    return replace(cut(stopped, removed_at), destroyed_at=removed_at) if now >= removed_at else stopped


def _ended(instance: Instance, at: datetime, stage: Stage) -> Instance:
    """In this stage from then on, unless it was already, with nothing to come."""
    over = step_at(instance, at).stage in (stage, Stage.TERMINATED) and all(step.at <= at for step in instance.steps)
    return instance if over else turned(instance, at, stage, _SAID)


_SAID = "out of credit"


def _billed(instances: Sequence[Instance], opened: datetime, until: datetime) -> Decimal:
    return sum((bill_usd(instance, opened, until) for instance in instances), ZERO)
