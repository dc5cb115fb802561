"""What an instance costs, exactly: GPU while it runs, disk from creation to destruction, traffic as it flows.

Every charge is a difference of two running totals, each rounded once, so that any cut of time gives the same sum.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

from cloudgpu.base.money import PICO, ZERO, accrued_usd
from cloudgpu.emulator.instances.instance import Instance, Rate, Stage, Transfer, steps_of
from cloudgpu.emulator.instances.terms import disk_usd_per_hour, gpu_billed

_MICROSECOND = timedelta(microseconds=1)
_BYTES_PER_GB = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Something that runs from `start` to `end` (None: still running) and costs.

    `name` is gpu, disk, download or upload. A gpu or disk meter has a rate an hour; traffic costs `full_usd` once it
    has flowed until `full_at`.
    """

    name: str
    start: datetime
    end: datetime | None
    usd_per_hour: Decimal | None = None
    full_usd: Decimal = ZERO
    full_at: datetime | None = None

    def usd(self, start: datetime, end: datetime) -> Decimal:
        """What it charges between two times, to a trillionth of a dollar."""
        last = end if self.end is None else min(end, self.end)
        first = start if self.end is None else min(start, self.end)
        if self.usd_per_hour is not None:
            return accrued_usd(self.usd_per_hour, self.start, first, last)
        return self._flowed(last) - self._flowed(first)

    def _flowed(self, until: datetime) -> Decimal:
        assert self.full_at is not None
        whole = max(1, (self.full_at - self.start) // _MICROSECOND)
        part = min(whole, max(0, (until - self.start) // _MICROSECOND))
        return (self.full_usd * part / whole).quantize(PICO, rounding=ROUND_HALF_EVEN)


def meters(instance: Instance) -> tuple[Meter, ...]:
    """Every meter of an instance's life, those still to come included, the same at any time it is asked."""
    return (*_gpu(instance), *_disk(instance), *_traffic(instance))


def bill_usd(instance: Instance, start: datetime, end: datetime) -> Decimal:
    """What the instance costs between two times, everything together."""
    return sum((meter.usd(start, end) for meter in meters(instance)), ZERO)


def moved_bytes(instance: Instance, until: datetime, *, outward: bool) -> int:
    """Bytes that had flowed into the instance, or out of it, by then: whole ones, whatever they cost."""
    return sum(_flowed_bytes(each, until, instance) for each in instance.transfers if each.outward is outward)


def _flowed_bytes(transfer: Transfer, until: datetime, instance: Instance) -> int:
    last = _earliest(until, transfer.end, transfer.stopped_at, instance.destroyed_at)
    whole = max(1, (transfer.end - transfer.start) // _MICROSECOND)
    part = min(whole, max(0, (last - transfer.start) // _MICROSECOND))
    return int(transfer.size_gb * _BYTES_PER_GB) * part // whole


def _gpu(instance: Instance) -> Iterator[Meter]:
    for start, end in _spans(instance, lambda stage: gpu_billed(instance, stage)):
        for rate, first, last in _rate_spans(instance.rates, start, end):
            yield Meter(name="gpu", start=first, end=last, usd_per_hour=rate.gpu_usd_per_hour)


def _disk(instance: Instance) -> Iterator[Meter]:
    rates = {disk_usd_per_hour(instance, step.stage) for step in steps_of(instance)}
    for rate in sorted(rates - {ZERO}):
        for start, end in _spans(instance, _costs(instance, rate)):
            yield Meter(name="disk", start=start, end=end, usd_per_hour=rate)


def _costs(instance: Instance, rate: Decimal) -> Callable[[Stage], bool]:
    return lambda stage: disk_usd_per_hour(instance, stage) == rate


def _traffic(instance: Instance) -> Iterator[Meter]:
    for transfer in instance.transfers:
        end = _earliest(transfer.end, transfer.stopped_at, instance.destroyed_at)
        usd_per_gb = instance.upload_usd_per_gb if transfer.outward else instance.download_usd_per_gb
        if end > transfer.start and usd_per_gb:
            yield Meter(
                name="upload" if transfer.outward else "download", start=transfer.start, end=end,
                full_usd=transfer.size_gb * usd_per_gb, full_at=transfer.end,
            )  # fmt: skip


def _earliest(first: datetime, *others: datetime | None) -> datetime:
    return min((first, *(other for other in others if other is not None)))


def _spans(instance: Instance, counts: Callable[[Stage], bool]) -> Iterator[tuple[datetime, datetime | None]]:
    """The stretches of life whose stages count, neighbours joined, ended by the last moment that is billed."""
    over = instance.billed_until or instance.destroyed_at
    since: datetime | None = None
    for step in steps_of(instance):
        if over is not None and step.at >= over:
            break
        if counts(step.stage) and since is None:
            since = step.at
        elif not counts(step.stage) and since is not None:
            yield since, step.at
            since = None
    if since is not None:
        yield since, over


def _rate_spans(
    rates: Sequence[Rate], start: datetime, end: datetime | None
) -> Iterator[tuple[Rate, datetime, datetime | None]]:
    for rate, following in pairwise((*rates, None)):
        assert rate is not None
        first = max(start, rate.at)
        last = end if following is None else following.at if end is None else min(end, following.at)
        if last is None or first < last:
            yield rate, first, last
