"""The ledger: events in, charges out. A pure fold; nothing computed is ever stored as truth.

The provider's own bill counts wherever it reaches; the time after it is metered (what was seen × its price); the cost
of the download is the plan's estimate until the bill tells of it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Meter, Source, clip, hours_between
from cloudgpu.accounting.life import BillLine, Life, Span, lives
from cloudgpu.base.events import Event
from cloudgpu.base.money import ZERO, accrued_usd

_BILL_LAG = timedelta(minutes=5)
"""Vast.ai lines were seen to end between 22 s before and 290 s after the destroy call."""

_BILL_SETTLES = timedelta(hours=24)
"""After this long a provider's bill for a finished instance is taken as complete whatever its last line says."""

_BILL_GIVEN_UP = timedelta(days=30)


def fold(events: Iterable[Event], until: datetime | Mapping[str, datetime]) -> list[Charge]:
    """Every charge of every instance before `until`, oldest life first; a running instance is metered up to `until`.

    A mapping gives each provider its own moment, for providers whose clocks differ (the emulator's runs fast). Each
    charge covers one state and one price; `charge.cut` and `charge.by_hour` divide it without changing the sum.
    Reads no network and no clock.
    """
    charges: list[Charge] = []
    for life in lives(events):
        end = until if isinstance(until, datetime) else until[life.provider]
        charges.extend(piece for charge in _charges(life, end) for piece in _until(charge, end))
    return charges


def as_of(events: Iterable[Event], now: datetime) -> datetime:
    """`now`, or the end of the last billed line where the provider's clock is ahead of ours: what is billed is owed."""
    ends = [life.bill.last_end for life in lives(events) if life.bill is not None]
    return max([now, *(end for end in ends if end is not None)])


def is_settled(life: Life) -> bool:
    """Whether the bill that was read last can be taken as final: the instance is gone and the lines reach its end.

    A bill without lines settles nothing: it cannot be told from one that was lost. An instance that was last seen not
    to be charged at all (its host was offline) is billed to an earlier moment than its end.
    """
    bill, gone_at = life.bill, life.gone_at
    if bill is None or bill.last_end is None or gone_at is None or bill.fetched_at < gone_at:
        return False
    if life.destroy_requested_at is None or bill.fetched_at >= gone_at + _BILL_SETTLES:
        return True
    if life.spans and life.spans[-1].rates == (ZERO, ZERO):
        return True
    return bill.last_end >= life.destroy_requested_at - _BILL_LAG


def wants_bill(life: Life, now: datetime) -> bool:
    """Whether the provider's bill should be read (again): it may still grow, or the last one was not final.

    A month after the end no better bill is hoped for.
    """
    if not life.created or life.gone_at is None:
        return life.created
    may_have_grown = life.bill is None or life.bill.fetched_at < life.gone_at + 2 * _BILL_LAG
    return now <= life.gone_at + _BILL_GIVEN_UP and (may_have_grown or not is_settled(life))


def _until(charge: Charge, until: datetime) -> list[Charge]:
    return clip(charge, until) if charge.start < charge.end else [charge] * (charge.start <= until)


def _charges(life: Life, until: datetime) -> list[Charge]:
    if not life.created:
        return []
    billed = [_billed(life, line) for line in life.bill.lines] if life.bill else []
    return [*_download_estimate(life), *billed, *_metered(life, until)]


def _billed(life: Life, line: BillLine) -> Charge:
    """A line of the bill. One that tells of a whole hour ends, for us, no later than the instance did."""
    meter = Meter(line.meter) if line.meter in set(Meter) else Meter.OTHER
    end = line.end if life.gone_at is None else max(line.start, min(line.end, life.gone_at))
    return _charge(life, meter, line.start, end, line.usd, Source.PROVIDER)


def _download_estimate(life: Life) -> list[Charge]:
    if not life.planned_download_usd or _download_is_billed(life):
        return []
    return [_charge(life, Meter.DOWNLOAD, life.began, life.began, life.planned_download_usd, Source.ESTIMATED)]


def _download_is_billed(life: Life) -> bool:
    if life.bill is None:
        return False
    if any(line.meter == Meter.DOWNLOAD for line in life.bill.lines) or is_settled(life):
        return True
    return life.ready_at is not None and (life.bill.last_end or life.began) > life.ready_at


def _metered(life: Life, until: datetime) -> list[Charge]:
    if is_settled(life):
        return []
    covered = (life.bill.last_end if life.bill else None) or life.began
    ends = [*(span.start for span in life.spans[1:]), life.gone_at or until]
    pairs = zip(life.spans, ends, strict=True)
    return [charge for span, end in pairs if end > covered for charge in _span_charges(life, span, covered, end)]


def _span_charges(life: Life, span: Span, covered: datetime, end: datetime) -> list[Charge]:
    start = max(span.start, covered)
    rates = ((Meter.GPU, span.gpu_usd_per_hour), (Meter.DISK, span.disk_usd_per_hour))
    return [
        _charge(life, meter, start, end, accrued_usd(rate, span.start, start, end), Source.METERED)
        for meter, rate in rates
        if rate != ZERO
    ]


def _charge(life: Life, meter: Meter, start: datetime, end: datetime, usd: Decimal, source: Source) -> Charge:
    return Charge(
        deployment=life.deployment, token=life.token, instance_id=life.instance_id, provider=life.provider,
        model=life.model, gpu=life.gpu, meter=meter, start=start, end=max(start, end), hours=hours_between(start, end),
        usd=usd, source=source,
    )  # fmt: skip
