"""The ledger: events in, charges out. A pure fold; nothing computed is ever stored as truth.

The provider's own bill counts wherever it reaches; the time after it is metered (what was seen × its price); the cost
of the download is the plan's estimate until the bill tells of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.bill import billed_until, download_is_billed, is_settled
from cloudgpu.accounting.charge import Charge, Meter, Source, hours_between, within
from cloudgpu.accounting.disk_state import disk_by_state, disk_meter
from cloudgpu.accounting.history import History, read_history
from cloudgpu.accounting.life import BillLine, Life, Span
from cloudgpu.accounting.moves import attributed, marks
from cloudgpu.accounting.served import Stretch
from cloudgpu.base.events import Event
from cloudgpu.base.money import ZERO, accrued_usd

Until = datetime | Mapping[str, datetime]
"""Up to when to tell: one moment, or each provider's own, for those whose clocks differ (the emulator's runs fast)."""


def fold(events: Iterable[Event], until: Until) -> list[Charge]:
    """Every charge of every instance before `until`, oldest life first; a running instance is metered up to `until`.

    Each charge covers one state, one price and one purpose; `charge.cut` and `charge.by_hour` divide it without
    changing the sum. Reads no network and no clock.
    """
    return list(charges(read_history(events), until))


def charges(history: History, until: Until, since: datetime | None = None) -> Iterator[Charge]:
    """The charges one by one, for histories that are too long to hold them all; only what lies after `since`."""
    for life in history.lives:
        if since is not None and _is_over(life, since):
            continue
        end = until if isinstance(until, datetime) else until[life.provider]
        marked = marks(life, history.moves)
        for whole in _charges(life, end):
            charge = within(whole, since, end)
            if charge is not None:
                yield from attributed(charge, marked) if marked else (charge,)


def served(history: History, until: Until, since: datetime | None = None) -> Iterator[tuple[Charge, Stretch]]:
    """What engines served between the moments: each stretch, and its parts as charges of no money, told by purpose."""
    for life in history.lives:
        log = history.engines.get(life.token)
        end = until if isinstance(until, datetime) else until[life.provider]
        marked = marks(life, history.moves) if log else []
        for stretch in log.stretches if log else ():
            whole = _charge(life, Meter.GPU, stretch.start, stretch.end, ZERO, Source.METERED)
            part = within(whole, since, end)
            for piece in attributed(part, marked) if part else ():
                yield piece, stretch


def metered(life: Life, until: datetime) -> list[Charge]:
    """What the meter alone makes of a life, as if no bill had ever been read: to be laid beside the bill."""
    return [*_spans(life, life.began, until)] if life.created else []


def billed(life: Life, line: BillLine) -> list[Charge]:
    """A line of the bill as it was received, on its meter; a disk's in pieces, by the state the machine was in."""
    meter = _METERS.get(line.meter, Meter.FEE)
    charge = _charge(life, meter, line.start, line.end, line.usd, Source.PROVIDER)
    return disk_by_state(life, charge) if meter is Meter.DISK else [charge]


def in_life(life: Life, line: BillLine) -> BillLine:
    """The line, ending no later than the instance did: one that tells of a whole hour must not reach beyond it."""
    return line if life.gone_at is None else replace(line, end=max(line.start, min(line.end, life.gone_at)))


def last_billed(lives: Iterable[Life], now: datetime) -> datetime:
    """`now`, or the end of the last line of any bill of these lives if that is later: what is billed is owed."""
    ends = [life.bill.last_end for life in lives if life.bill is not None]
    return max([now, *(end for end in ends if end is not None)])


def _is_over(life: Life, moment: datetime) -> bool:
    """Whether nothing of a life can lie after a moment: neither its time nor its bill."""
    billed_end = life.bill.last_end if life.bill else None
    return life.gone_at is not None and max(life.gone_at, billed_end or life.gone_at) < moment


def _charges(life: Life, until: datetime) -> Iterator[Charge]:
    if not life.created:
        return
    yield from _download_estimate(life)
    if life.bill:
        for line in life.bill.lines:
            yield from billed(life, in_life(life, line))
    yield from _metered(life, until)


_METERS = {meter.value: meter for meter in Meter}


def _download_estimate(life: Life) -> Iterator[Charge]:
    if life.planned_download_usd and not download_is_billed(life):
        yield _charge(life, Meter.DOWNLOAD, life.began, life.began, life.planned_download_usd, Source.ESTIMATED)


def _metered(life: Life, until: datetime) -> Iterator[Charge]:
    if is_settled(life):
        return
    yield from _spans(life, billed_until(life) or life.began, until)


def _spans(life: Life, covered: datetime, until: datetime) -> Iterator[Charge]:
    for index, span in enumerate(life.spans):
        end = life.spans[index + 1].start if index + 1 < len(life.spans) else life.metered_until or until
        start = max(span.start, covered)
        if end > start:
            yield from _span_charges(life, span, start, end)


def _span_charges(life: Life, span: Span, start: datetime, end: datetime) -> Iterator[Charge]:
    for meter, rate in ((Meter.GPU, span.gpu_usd_per_hour), (disk_meter(span), span.disk_usd_per_hour)):
        if rate != ZERO:
            yield _charge(life, meter, start, end, accrued_usd(rate, span.start, start, end), Source.METERED)


def _charge(life: Life, meter: Meter, start: datetime, end: datetime, usd: Decimal, source: Source) -> Charge:
    return Charge(
        deployment=life.deployment, token=life.token, instance_id=life.instance_id, provider=life.provider,
        model=life.model, gpu=life.gpu, meter=meter, start=start, end=max(start, end), hours=hours_between(start, end),
        usd=usd, source=source,
    )  # fmt: skip
