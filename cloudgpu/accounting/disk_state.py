"""Which part of a bill's disk is that of a running machine: a bill tells it only where it charges the GPU too."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cloudgpu.accounting.charge import Charge, Meter, cut
from cloudgpu.accounting.life import Life, Span

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def disk_by_state(life: Life, charge: Charge) -> list[Charge]:
    """A billed disk in pieces by the state of the machine; their sum is the whole.

    What looks saw counts from the first to the last that saw it. In between, and while its host was out of reach, the
    machine ran wherever the bill charges its GPU; elsewhere it is taken to have been as it was seen last.
    """
    unsure = [each for each in _unsure(life) if each.start < charge.end and charge.start < each.end]
    ran = list(_charged(life, charge)) if unsure else []
    edges = [edge for each in (*unsure, *ran) for edge in (each.start, each.end)]
    pieces = cut(charge, [*(span.start for span in life.spans), *edges])
    return [piece.on(_meter(life, piece.start, unsure, ran)) for piece in pieces]


def disk_meter(span: Span) -> Meter:
    """What the disk of a machine that was seen in this state is called."""
    return Meter.DISK_STOPPED if span.stopped else Meter.DISK


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From `start` (inclusive) to `end`."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def _meter(life: Life, moment: datetime, unsure: list[_Stretch], ran: list[_Stretch]) -> Meter:
    told = all(any(each.holds(moment) for each in known) for known in (unsure, ran))
    return Meter.DISK if told else disk_meter(_span_at(life, moment))


def _unsure(life: Life) -> Iterator[_Stretch]:
    """When a machine that was seen stopped may have run: after the last look that saw it so, and with its host lost."""
    for span, after in pairwise([*life.spans, None]):
        if span is not None and span.stopped:
            end = after.start if after else life.gone_at or _FOR_EVER
            seen_until = after.earliest if after else end
            yield _Stretch(span.start if span.host_lost else seen_until, end)


def _charged(life: Life, charge: Charge) -> Iterator[_Stretch]:
    """The times within the charge's for which the bill charges the GPU."""
    for line in life.bill.lines if life.bill else ():
        if line.meter == Meter.GPU and line.usd and line.start < charge.end and charge.start < line.end:
            yield _Stretch(line.start, line.end)


def _span_at(life: Life, moment: datetime) -> Span:
    return next((span for span in reversed(life.spans) if span.start <= moment), life.spans[0])
