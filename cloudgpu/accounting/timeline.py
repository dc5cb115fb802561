"""Money over time: the burn at every moment, and the stretches that migrations paid for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Purpose
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until
from cloudgpu.accounting.life import Life
from cloudgpu.accounting.report import moment_of
from cloudgpu.base.money import ZERO


@dataclass(frozen=True, slots=True)
class Step:
    """From this moment on, so many dollars per hour."""

    at: datetime
    usd_per_hour: Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that a migration had to pay for."""

    migration: str
    purpose: Purpose
    start: datetime
    end: datetime
    usd: Decimal


def burn_steps(history: History, until: Until) -> list[Step]:
    """Dollars per hour of everything together, at each moment it changed. Times are not aligned between providers."""
    changes: dict[datetime, Decimal] = {}
    for life in history.lives:
        for at, change in _changes(life, moment_of(until, life.provider)):
            changes[at] = changes.get(at, ZERO) + change
    return list(_running(changes))


def windows(charges: Iterable[Charge]) -> list[Window]:
    """What each migration paid for a second side, joined where it goes on without a gap, oldest first."""
    found: dict[tuple[str, Purpose], list[Window]] = {}
    for charge in sorted(charges, key=lambda charge: charge.start):
        if charge.migration is None:
            continue
        known = found.setdefault((charge.migration, charge.purpose), [])
        piece = Window(charge.migration, charge.purpose, charge.start, charge.end, charge.usd)
        if known and piece.start <= known[-1].end:
            last = known[-1]
            known[-1] = replace(last, end=max(last.end, piece.end), usd=last.usd + piece.usd)
        else:
            known.append(piece)
    return sorted((each for known in found.values() for each in known), key=lambda window: (window.start, window.end))


def _changes(life: Life, until: datetime) -> Iterator[tuple[datetime, Decimal]]:
    before = ZERO
    for span in life.spans:
        if span.start < until:
            yield span.start, span.usd_per_hour - before
            before = span.usd_per_hour
    if life.metered_until is not None and life.metered_until < until:
        yield life.metered_until, -before


def _running(changes: dict[datetime, Decimal]) -> Iterator[Step]:
    rate = ZERO
    for at in sorted(changes):
        if changes[at]:
            rate += changes[at]
            yield Step(at, rate)
