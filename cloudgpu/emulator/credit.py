"""When prepaid money is used up, to the microsecond whenever somebody comes to look, and what that does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.billing import bill_usd
from cloudgpu.emulator.instance import Instance, Stage, step_at
from cloudgpu.emulator.lifecycle import cut, turned

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
    stage, removed_at = step_at(instance, now).stage, broke_at + _KEPT
    if instance.pod is not None:
        end = Stage.STOPPED if instance.pod.network_volume else Stage.TERMINATED
        return instance if stage in (end, Stage.TERMINATED) else turned(instance, broke_at, end, _SAID)
    if now >= removed_at:
        return replace(cut(instance, removed_at), destroyed_at=removed_at)
    return instance if stage is Stage.STOPPED else turned(instance, broke_at, Stage.STOPPED, _SAID)


_SAID = "out of credit"


def _billed(instances: Sequence[Instance], opened: datetime, until: datetime) -> Decimal:
    return sum((bill_usd(instance, opened, until) for instance in instances), ZERO)
