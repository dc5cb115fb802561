"""What every export is made from: the history, its charges, their hours, and the sums people ask for first."""

from dataclasses import dataclass
from datetime import datetime

from cloudgpu.accounting.charge import Charge
from cloudgpu.accounting.exports.rows import HourRow, hour_rows
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until, charges
from cloudgpu.accounting.report import Report, report


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The accounts of a stretch of time. `report` sums by deployment; `rows` hold the hours of all `charges`."""

    history: History
    report: Report
    charges: tuple[Charge, ...]
    rows: tuple[HourRow, ...]
    until: Until

    @property
    def as_of(self) -> datetime:
        """The moment up to which it tells."""
        return self.report.as_of


def open_book(history: History, until: Until, since: datetime | None = None) -> Book:
    """The accounts from `since` (None: from the beginning) to `until`. Pure."""
    listed = tuple(charges(history, until, since))
    return Book(
        history=history,
        report=report(history, until, since=since),
        charges=listed,
        rows=hour_rows(listed),
        until=until,
    )
