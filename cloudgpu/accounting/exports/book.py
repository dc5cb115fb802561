"""What every export is made from: the history, its charges, their hours, and the sums people ask for first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudgpu.accounting.charge import Charge, by_hour
from cloudgpu.accounting.exports.rows import HourRow, RowKey, hour_rows, row_key
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until, charges, served
from cloudgpu.accounting.report import Report, report
from cloudgpu.accounting.served import TokenTally, seen_by_life, seen_parts


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


def open_book(history: History, until: Until, since: datetime | None = None, now: Until | None = None) -> Book:
    """The accounts from `since` (None: from the beginning) to `until`; `now` as in `report`. Pure."""
    listed = tuple(charges(history, until, since))
    return Book(
        history=history,
        report=report(history, until, since=since, now=now),
        charges=listed,
        rows=hour_rows(listed, _counted(history, listed, until, since)),
        until=until,
    )


def _counted(
    history: History, listed: Sequence[Charge], until: Until, since: datetime | None
) -> dict[RowKey, TokenTally]:
    """What engines counted, by the row it belongs to; rows of hours that nobody saw are left out."""
    found: dict[RowKey, TokenTally] = {}
    for charge, stretch in served(history, until, since):
        for piece in by_hour([charge]):
            found.setdefault(row_key(piece), TokenTally()).add_tokens(*stretch.between(piece.start, piece.end))
    times = seen_by_life(history.lives, history.engines)
    for piece in by_hour(part for charge in listed for part in seen_parts(charge, times)):
        found.setdefault(row_key(piece), TokenTally()).add_seen(piece)
    return found
