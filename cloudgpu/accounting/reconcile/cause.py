"""Why a bill differs from the meter, as far as their shapes tell."""

from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Meter
from cloudgpu.accounting.doubt import Change, Edge, edges
from cloudgpu.accounting.life import Life
from cloudgpu.base.money import ZERO

_SAME_TIME = Decimal("0.05")
"""Hours: two lengths that differ by less tell of the same time, so that the price must differ."""


def likeliest_cause(life: Life, day: str, meter: Meter, ours: list[Charge], theirs: list[Charge]) -> str:
    """One sentence. Checked in order of how much each would explain."""
    if not theirs:
        return "it is not on the bill yet, or the provider forgave it (its host was offline)"
    if not ours and meter is Meter.DISK and _stopped(life):
        return "the disk went on billing while the machine was stopped"
    if not ours:
        return "it was billed at a time when nothing was seen to bill"
    if abs(_hours(theirs) - _hours(ours)) <= _SAME_TIME:
        return "the same time at another price: the price changed and no look saw it"
    if _hours(theirs) > _hours(ours) and life.vanished:
        return "it ended by other hands, some time after it was last shown: so far it is metered"
    if _hours(theirs) > _hours(ours) and life.gone_at and day == life.gone_at.date().isoformat():
        return "it was billed longer than it was seen: the destroy took effect late"
    if _hours(theirs) > _hours(ours):
        return "it was billed longer than it was seen to run"
    return (
        "it was billed for a shorter time than it was seen to run (its host was offline, or the bill is not complete)"
    )


def cause_within(life: Life, meter: Meter, difference_usd: Decimal, since: datetime, until: datetime) -> str:
    """One sentence on a difference that the stated doubt and the providers' rhythm explain: what leaves most of it."""
    told = [edge for edge in edges(life) if edge.explains(meter, difference_usd) and edge.usd(meter, since, until)]
    widest = max(told, key=lambda edge: edge.usd(meter, since, until), default=None)
    return _words(widest) if widest else "the provider settles every few minutes, not at the moment"


def _words(edge: Edge) -> str:
    if edge.what in (Change.HOST_LOST, Change.OUT_OF_SIGHT):
        return f"{_SAYS[edge.what]} since {_moment(edge.earliest)} UTC"
    return f"{_SAYS[edge.what]} at a moment between {_moment(edge.earliest)} and {_moment(edge.latest)} UTC"


_SAYS = {
    Change.BEGAN: "it began to bill",
    Change.CHANGED: "its state or price changed",
    Change.ENDED: "it ended",
    Change.HOST_LOST: "its host was out of reach, and nobody knows whether the disk billed,",
    Change.OUT_OF_SIGHT: "it was out of sight",
}


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _stopped(life: Life) -> bool:
    return any(span.stopped for span in life.spans)


def _hours(charges: list[Charge]) -> Decimal:
    return sum((charge.hours for charge in charges), ZERO)
