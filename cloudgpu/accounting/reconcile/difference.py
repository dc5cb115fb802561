"""What was metered beside what was billed, per instance, meter and day of UTC, and whether the difference is explained.

The tolerance: half of the last digit that the provider prints for each of its lines, the price of five minutes for each
edge of the day, for what still runs the moment of reading too (Vast.ai was seen to bill up to five minutes past a
destroy, RunPod settles every five minutes). The stated doubt comes on top: each change's price step for as much of that
day as lies between the looks on both sides of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from cloudgpu.accounting.bill import BILLED_BY_THE_HOUR, SETTLES_WITHIN_H, half_digit_usd
from cloudgpu.accounting.charge import Charge, Meter
from cloudgpu.accounting.doubt import doubt_of_meter_usd
from cloudgpu.accounting.history import History, Statement
from cloudgpu.accounting.ledger import billed, in_life, metered
from cloudgpu.accounting.life import Life
from cloudgpu.accounting.period import by_day
from cloudgpu.accounting.reconcile.cause import cause_within, likeliest_cause
from cloudgpu.base.clock import parse_utc
from cloudgpu.base.money import PICO, ZERO

_DAY = timedelta(days=1)
_METERED = (Meter.GPU, Meter.DISK)


class Verdict(StrEnum):
    """AGREES within tolerance and doubt; BILLED_ONLY is traffic and fees, which only the bill knows; the rest DIFFERS.

    NOT_SEEN: only the doubt allows the difference, and that is more than half of the day's money: nobody looked, so
    nothing was checked.
    """

    AGREES = "agrees"
    NOT_SEEN = "not seen"
    BILLED_ONLY = "billed only"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One meter of one instance on one day. `unmatched_s` is the difference as seconds at the metered price.

    None where nothing was metered. `tolerance_usd` and `doubt_usd` together are what it may come to. `cause` is the
    likeliest one, also of what lies within the tolerance; None when it agrees to the provider's last
    digit, and for what the bill alone knows.
    """

    provider: str
    day: str
    deployment: str
    instance_id: str
    meter: Meter
    metered_usd: Decimal
    billed_usd: Decimal
    tolerance_usd: Decimal
    doubt_usd: Decimal
    unmatched_s: int | None
    verdict: Verdict
    cause: str | None

    @property
    def difference_usd(self) -> Decimal:
        """The bill less the meter."""
        return self.billed_usd - self.metered_usd


def differences(history: History, statement: Statement, until: datetime) -> list[Difference]:
    """Every meter of every instance of ours on every day of the statement up to `until`, in order of day. Pure."""
    ours = [life for life in history.lives if life.provider == statement.provider and life.instance_id]
    found = [each for life in ours for each in _of_life(life, statement, until)]
    return sorted(found, key=lambda each: (each.day, each.deployment, each.instance_id, each.meter))


def _of_life(life: Life, statement: Statement, until: datetime) -> Iterable[Difference]:
    lines = [line for instance_id, line in statement.lines if instance_id == life.instance_id]
    told = [in_life(life, line) for line in lines] if life.provider in BILLED_BY_THE_HOUR else lines
    theirs = _by_key(charge for line in told for charge in billed(life, line))
    ours = _by_key(charge for charge in metered(life, until) if charge.end > statement.since)
    for day, meter in sorted({*ours, *theirs}):
        if day >= statement.since.date().isoformat():
            edges = _edges(life, day, until)
            yield _difference(life, day, meter, ours.get((day, meter), []), theirs.get((day, meter), []), edges)


def _by_key(charges: Iterable[Charge]) -> dict[tuple[str, Meter], list[Charge]]:
    """By day and meter; a bill does not tell the disk of a stopped machine from that of a running one."""
    found: dict[tuple[str, Meter], list[Charge]] = {}
    for piece in by_day(charges):
        meter = Meter.DISK if piece.meter is Meter.DISK_STOPPED else piece.meter
        found.setdefault((piece.start.date().isoformat(), meter), []).append(piece)
    return found


def _difference(life: Life, day: str, meter: Meter, ours: list[Charge], theirs: list[Charge], edges: int) -> Difference:
    metered_usd, billed_usd = _sum(ours), _sum(theirs)
    rate = _rate(ours)
    tolerance, doubt = _tolerance(life, len(theirs), rate, edges), _doubt(life, day, meter)
    verdict = _verdict(meter, metered_usd, billed_usd, tolerance, doubt)
    unmatched_s = round((billed_usd - metered_usd) / rate * 3600) if rate else None
    return Difference(
        provider=life.provider, day=day, deployment=life.deployment, instance_id=life.instance_id or "",
        meter=meter, metered_usd=metered_usd, billed_usd=billed_usd, tolerance_usd=tolerance, doubt_usd=doubt,
        unmatched_s=unmatched_s, verdict=verdict,
        cause=_cause(life, day, meter, ours, theirs, verdict),
    )  # fmt: skip


def _cause(
    life: Life, day: str, meter: Meter, ours: list[Charge], theirs: list[Charge], verdict: Verdict
) -> str | None:
    if verdict is Verdict.DIFFERS:
        return likeliest_cause(life, day, meter, ours, theirs)
    difference_usd = _sum(theirs) - _sum(ours)
    if verdict is Verdict.BILLED_ONLY or abs(difference_usd) <= half_digit_usd(life.provider) * len(theirs):
        return None
    start = _start(day)
    return cause_within(life, meter, difference_usd, start, start + _DAY)


def _verdict(
    meter: Meter, metered_usd: Decimal, billed_usd: Decimal, tolerance_usd: Decimal, doubt_usd: Decimal
) -> Verdict:
    if meter not in _METERED:
        return Verdict.BILLED_ONLY
    apart = abs(billed_usd - metered_usd)
    if apart > tolerance_usd + doubt_usd:
        return Verdict.DIFFERS
    is_guess = apart > tolerance_usd and 2 * apart > max(billed_usd, metered_usd)
    return Verdict.NOT_SEEN if is_guess else Verdict.AGREES


def _tolerance(life: Life, lines: int, rate: Decimal, edges: int) -> Decimal:
    digits = half_digit_usd(life.provider) * max(1, lines)
    return (digits + rate * SETTLES_WITHIN_H * edges).quantize(PICO)


def _doubt(life: Life, day: str, meter: Meter) -> Decimal:
    start = _start(day)
    return doubt_of_meter_usd(life, meter, start, start + _DAY) if life.created else ZERO


def _start(day: str) -> datetime:
    return parse_utc(f"{day}T00:00:00+00:00")


def _edges(life: Life, day: str, until: datetime) -> int:
    """The starts, changes and ends of a day; for what still runs, the moment at which the bill was read is one too."""
    moments = [*(span.start for span in life.spans), life.metered_until or until]
    return sum(moment.date().isoformat() == day for moment in moments)


def _rate(charges: list[Charge]) -> Decimal:
    hours = sum((charge.hours for charge in charges), ZERO)
    return _sum(charges) / hours if hours else ZERO


def _sum(charges: Iterable[Charge]) -> Decimal:
    return sum((charge.usd for charge in charges), ZERO)
