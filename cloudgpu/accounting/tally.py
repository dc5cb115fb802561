"""Sums of charges, kept while they stream by: nothing of a million charges stays but what they come to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Meter, Source
from cloudgpu.base.money import ZERO

_NOTHING = dict.fromkeys(Meter, ZERO)
_CERTAINTY = {source: rank for rank, source in enumerate(Source)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The sum of a group of charges, in exact dollars per meter.

    `machine_hours` counts hours in which the GPU was charged, once for all cards of a machine. `source` is the least
    certain source of anything in the group.
    """

    key: str
    machine_hours: Decimal
    usd_by_meter: Mapping[Meter, Decimal]
    total_usd: Decimal
    source: Source

    @property
    def disk_split_source(self) -> Source | None:
        """Whose word it is how much of the disk was that of a stopped machine: no bill tells. None: none was."""
        return Source.METERED if self.usd_by_meter[Meter.DISK_STOPPED] else None


@dataclass(slots=True)
class Tally:
    """One group as it grows."""

    machine_hours: Decimal = ZERO
    usd_by_meter: dict[Meter, Decimal] = field(default_factory=_NOTHING.copy)
    source: Source = Source.PROVIDER

    def add(self, charge: Charge) -> None:
        """Take one charge in."""
        self.usd_by_meter[charge.meter] += charge.usd
        if charge.meter is Meter.GPU:
            self.machine_hours += charge.hours
        if _CERTAINTY[charge.source] > _CERTAINTY[self.source]:
            self.source = charge.source

    def line(self, key: str) -> Line:
        """The sum so far. No charges sum up to zero, on the provider's word."""
        return Line(
            key=key,
            machine_hours=self.machine_hours,
            usd_by_meter=dict(self.usd_by_meter),
            total_usd=sum(self.usd_by_meter.values(), ZERO),
            source=self.source,
        )


def total(key: str, charges: Iterable[Charge]) -> Line:
    """The exact sum of some charges; nothing is rounded."""
    tally = Tally()
    for charge in charges:
        tally.add(charge)
    return tally.line(key)


def group(charges: Iterable[Charge], key: Callable[[Charge], str]) -> tuple[Line, ...]:
    """One line per key, in order of the keys."""
    groups: dict[str, Tally] = {}
    for charge in charges:
        groups.setdefault(key(charge), Tally()).add(charge)
    return lines(groups)


def lines(groups: Mapping[str, Tally]) -> tuple[Line, ...]:
    """The groups as lines, in order of their keys."""
    return tuple(groups[key].line(key) for key in sorted(groups))
