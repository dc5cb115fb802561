"""When prepaid money is used up, to the microsecond, whenever somebody comes to look."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.billing import bill_usd
from cloudgpu.emulator.instance import Instance

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


def _billed(instances: Sequence[Instance], opened: datetime, until: datetime) -> Decimal:
    return sum((bill_usd(instance, opened, until) for instance in instances), ZERO)
