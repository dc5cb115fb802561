"""Which days are settled: bill and ledger agree, and the bill was read twice, a day apart, without a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from cloudgpu.accounting.bill import half_digit_usd
from cloudgpu.accounting.history import ClosedDay, History, Statement
from cloudgpu.accounting.reconcile.cutting import billed_between
from cloudgpu.accounting.reconcile.difference import Difference, Verdict
from cloudgpu.base.clock import parse_utc
from cloudgpu.base.money import ZERO

_DAY = timedelta(days=1)
_SAME = Decimal("1e-6")
"""A line that goes on growing is divided among its days anew at each reading."""


class DayState(StrEnum):
    """CLOSED for good; READY to be closed now; OPEN because it may still change; DIFFERS and wants a look.

    NOT_SEEN: open, and nobody looked, so that only the bill tells what it was; it is closed as any other. CHANGED: it
    was closed, and the bill says something else today.
    """

    CLOSED = "closed"
    READY = "ready"
    OPEN = "open"
    DIFFERS = "differs"
    NOT_SEEN = "not seen"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day at one provider, all its instances of ours together."""

    provider: str
    day: str
    metered_usd: Decimal
    billed_usd: Decimal
    state: DayState

    @property
    def adjustment_usd(self) -> Decimal:
        """The bill less the meter: the one row that closes the day."""
        return self.billed_usd - self.metered_usd


def days(history: History, found: Sequence[Difference], statement: Statement) -> list[Day]:
    """The days of a statement, oldest first. Pure."""
    names = sorted({each.day for each in found})
    return [_day(history, [each for each in found if each.day == name], name, statement) for name in names]


def _day(history: History, found: Sequence[Difference], name: str, statement: Statement) -> Day:
    billed = sum((each.billed_usd for each in found), ZERO)
    closed = next((c for c in history.closed_days if (c.provider, c.day) == (statement.provider, name)), None)
    return Day(
        provider=statement.provider,
        day=name,
        metered_usd=sum((each.metered_usd for each in found), ZERO),
        billed_usd=billed,
        state=_closed_state(closed, billed, found) if closed else _open_state(history, found, name, statement),
    )


def _closed_state(closed: ClosedDay, billed_usd: Decimal, found: Sequence[Difference]) -> DayState:
    most = _room_usd(closed.provider) * max(1, len(found))
    return DayState.CLOSED if abs(closed.billed_usd - billed_usd) <= most else DayState.CHANGED


def _room_usd(provider: str) -> Decimal:
    """By how much a meter of an instance may change from one reading to the next though nothing did: it is rounded."""
    return 2 * half_digit_usd(provider) + _SAME


def _open_state(history: History, found: Sequence[Difference], name: str, statement: Statement) -> DayState:
    if any(each.verdict is Verdict.DIFFERS for each in found):
        return DayState.DIFFERS
    end = parse_utc(f"{name}T00:00:00+00:00") + _DAY
    earlier = [
        each for each in history.statements
        if each.provider == statement.provider and end <= each.fetched_at <= statement.fetched_at - _DAY
    ]  # fmt: skip
    settled = any(_say_the_same(each, statement, end) for each in earlier)
    if settled:
        return DayState.READY
    return DayState.NOT_SEEN if any(each.verdict is Verdict.NOT_SEEN for each in found) else DayState.OPEN


def _say_the_same(one: Statement, other: Statement, end: datetime) -> bool:
    """Whether two readings tell the same of the day that ends so, each meter of each instance."""
    ours, theirs = _billed_on(one, end), _billed_on(other, end)
    room = _room_usd(other.provider)
    return all(abs(ours.get(key, ZERO) - theirs.get(key, ZERO)) <= room for key in {*ours, *theirs})


def _billed_on(statement: Statement, end: datetime) -> dict[tuple[str, str], Decimal]:
    """Dollars by instance and meter on the day that ends so."""
    found: dict[tuple[str, str], Decimal] = {}
    for instance_id, line in statement.lines:
        usd = billed_between(line, end - _DAY, end)
        if usd:
            key = instance_id, line.meter
            found[key] = found.get(key, ZERO) + usd
    return found
