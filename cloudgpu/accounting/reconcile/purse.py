"""The third leg: what the balance lost between two readings must be what was billed in between."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.bill import BILLED_BY_THE_HOUR, half_digit_usd
from cloudgpu.accounting.history import Balance, History, Statement
from cloudgpu.accounting.life import BillLine
from cloudgpu.accounting.reconcile.cutting import billed_between
from cloudgpu.base.money import PICO, ZERO

_SETTLING = timedelta(minutes=5)
"""Providers take money from the balance every few minutes, not at every moment, and bill about as late."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCheck:
    """Between two readings of a balance: what was paid in, what the whole account was billed, and what is unexplained.

    `gap_usd` above zero: more is left than there should be, as after a top-up that nobody recorded.
    """

    provider: str
    since: datetime
    until: datetime
    before_usd: Decimal
    paid_usd: Decimal
    billed_usd: Decimal
    after_usd: Decimal
    tolerance_usd: Decimal

    @property
    def gap_usd(self) -> Decimal:
        """What the readings and the bill leave unexplained."""
        return self.after_usd - (self.before_usd + self.paid_usd - self.billed_usd)

    @property
    def cause(self) -> str | None:
        """The likeliest reason of a gap, in words; None when it agrees."""
        if self.agrees:
            return None
        if self.gap_usd > 0:
            return "money was paid in, or given back, and not recorded here"
        if self.paid_usd > 0:
            return "what was recorded as paid in has not arrived, or was recorded twice"
        return "the bill lacks charges that were taken already, or storage and fees that are billed elsewhere"

    @property
    def agrees(self) -> bool:
        """Whether it is within what the providers' own rhythm explains."""
        return abs(self.gap_usd) <= self.tolerance_usd


def balance_checks(history: History, statement: Statement) -> list[BalanceCheck]:
    """One check over the readings that the statement covers; none when there are fewer than two."""
    read = [
        balance for balance in history.balances
        if balance.provider == statement.provider and statement.since <= balance.at <= statement.fetched_at
    ]  # fmt: skip
    return [_check(history, statement, read[0], read[-1])] if len(read) > 1 else []


def _check(history: History, statement: Statement, first: Balance, last: Balance) -> BalanceCheck:
    paid = [t.usd for t in history.top_ups if t.provider == statement.provider and first.at < t.at <= last.at]
    billed = sum((billed_between(line, first.at, last.at) for _, line in statement.lines), ZERO)
    digits = half_digit_usd(statement.provider) * (len(statement.lines) + 1)
    near = sum(
        (_unsettled_usd(line, each.at, statement.provider) for _, line in statement.lines for each in (first, last)),
        ZERO,
    )
    return BalanceCheck(
        provider=statement.provider, since=first.at, until=last.at, before_usd=first.usd, paid_usd=sum(paid, ZERO),
        billed_usd=billed, after_usd=last.usd, tolerance_usd=(near + digits).quantize(PICO),
    )  # fmt: skip


def _unsettled_usd(line: BillLine, moment: datetime, provider: str) -> Decimal:
    """How much of a line may be taken from the balance before or after this moment, though it lies on the other side.

    Five minutes late at most, of a bill that ends up to five minutes early; all of a line that tells of a whole hour.
    """
    if line.end < moment - 2 * _SETTLING or line.start > moment + _SETTLING:
        return ZERO
    length = 0 if provider in BILLED_BY_THE_HOUR else (line.end - line.start) // _MICROSECOND
    return abs(line.usd) * min(Decimal(1), Decimal(2 * _SETTLING // _MICROSECOND) / length) if length else abs(line.usd)
