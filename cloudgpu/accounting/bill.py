"""How far the provider's bill for one life can be trusted, and when to read it again."""

from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.life import Life
from cloudgpu.base.money import PICO, ZERO

BILLED_BY_THE_HOUR = ("runpod", "emulator-runpod")
"""Providers whose lines tell of whole hours of the clock, not of when in them the instance ran."""

NEVER_BILLED = ("docker",)
"""Machines of one's own: what was metered is all there will ever be."""

SETTLES_WITHIN_H = Decimal(5) / 60
"""Both take money every few minutes: RunPod every five, Vast.ai was seen to bill up to five past a destroy."""

_HALF_DIGIT_USD = {"vast": Decimal("0.0005"), "emulator": PICO}
_OTHER_HALF_DIGIT_USD = Decimal("1e-9")

_BILL_LAG = timedelta(minutes=5)
"""Vast.ai lines were seen to end between 22 s before and 290 s after the destroy call."""

_BILL_SETTLES = timedelta(hours=24)
"""After this long a provider's bill for a finished instance is taken as complete whatever its last line says."""

_BILL_GIVEN_UP = timedelta(days=30)


def half_digit_usd(provider: str) -> Decimal:
    """Half of the last digit that a provider prints for each line of its bill."""
    return _HALF_DIGIT_USD.get(provider, _OTHER_HALF_DIGIT_USD)


def is_settled(life: Life) -> bool:
    """Whether the bill that was read last can be taken as final: the instance is gone and the lines reach its end.

    A bill without lines settles nothing: it cannot be told from one that was lost. An instance that was last seen not
    to be charged at all (its host was offline) is billed to an earlier moment than its end.
    """
    bill, gone_at = life.bill, life.gone_at
    if bill is None or bill.last_end is None or gone_at is None or bill.fetched_at < gone_at:
        return False
    if life.vanished or life.destroy_requested_at is None or bill.fetched_at >= gone_at + _BILL_SETTLES:
        return True
    if life.spans and life.spans[-1].rates == (ZERO, ZERO):
        return True
    return bill.last_end >= life.destroy_requested_at - _BILL_LAG


def billed_until(life: Life) -> datetime | None:
    """Up to when the bill that was read last tells all there is; None while it tells nothing.

    That is the end of its last line, and beyond it the look that saw a machine which is charged for nothing (RunPod's
    that was stopped, one whose host is lost), once the bill was read a day after that look: what ran before it would
    stand there by then.
    """
    bill = life.bill
    if bill is None or bill.last_end is None:
        return None
    settled = bill.fetched_at - _BILL_SETTLES
    idle = (span.start for span in life.spans if span.rates == (ZERO, ZERO) and span.start <= settled)
    return max([bill.last_end, *idle])


def wants_bill(life: Life, now: datetime) -> bool:
    """Whether the provider's bill should be read (again): it may still grow, or the last one was not final.

    A month after the end no better bill is hoped for.
    """
    if life.provider in NEVER_BILLED or not life.created:
        return False
    if life.gone_at is None:
        return True
    return now <= life.gone_at + _BILL_GIVEN_UP and (may_have_grown(life) or not is_settled(life))


def may_have_grown(life: Life) -> bool:
    """Whether what is billed late may be missing from the bill that was read last: it runs, or ended just before."""
    return life.bill is None or life.gone_at is None or life.bill.fetched_at < life.gone_at + 2 * _BILL_LAG


def download_is_billed(life: Life) -> bool:
    """Whether the bill tells of the download, or tells of a time when it must have: then the estimate is dropped.

    Of what is gone, that is any bill with lines that was read after what comes late would stand there. One without
    lines may have been lost, so it counts for what was never seen to run alone, a day after its end.
    """
    bill = life.bill
    if bill is None:
        return False
    if any(line.meter == Meter.DOWNLOAD for line in bill.lines) or is_settled(life):
        return True
    if life.gone_at is not None and bill.lines and not may_have_grown(life):
        return True
    if life.gone_at is not None and not bill.lines:
        return not _ran(life) and bill.fetched_at >= life.gone_at + _BILL_SETTLES
    return life.ready_at is not None and (bill.last_end or life.began) > life.ready_at


def _ran(life: Life) -> bool:
    return life.ready_at is not None or any(span.gpu_usd_per_hour for span in life.spans)
