"""The third leg: what the balance lost between two readings must be what was billed in between."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import hours_between
from cloudgpu.accounting.history import Balance, History, Statement
from cloudgpu.accounting.reconcile.cutting import billed_between
from cloudgpu.base.money import PICO, ZERO

_SETTLING_H = Decimal(5) / 60
"""Providers take money from the balance every few minutes, not at every moment."""


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
    hours = hours_between(first.at, last.at) or Decimal(1)
    return BalanceCheck(
        provider=statement.provider, since=first.at, until=last.at, before_usd=first.usd, paid_usd=sum(paid, ZERO),
        billed_usd=billed, after_usd=last.usd, tolerance_usd=(billed / hours * _SETTLING_H * 2 + PICO).quantize(PICO),
    )  # fmt: skip
