"""The budget put onto its cards: what each process takes, what is left, and whether it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.pack.budget import Budget, Entry
from cloudgpu.sizing.pack.demand import Demand, demand_of
from cloudgpu.sizing.pack.placement import Unit, place

SHOWN_DECIMALS = 2


class Verdict(StrEnum):
    """`tight`: it fits by this estimate, but by less than the estimate may be off."""

    FITS = "fits"
    TIGHT = "tight"
    DOES_NOT_FIT = "does_not_fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An entry on one card."""

    entry: Entry
    demand: Demand

    def as_json(self) -> Mapping[str, object]:
        """Figures in GiB, the share as the flag's value."""
        demand = self.demand
        return {
            "name": self.entry.name,
            "model": self.entry.model.model_id if self.entry.model else None,
            "engine": self.entry.engine,
            "process": self.entry.program,
            "weights_gib": round(demand.weights_gib, SHOWN_DECIMALS),
            "workspace_gib": round(demand.workspace_gib, SHOWN_DECIMALS),
            "kv_cache_gib": round(demand.cache_gib, SHOWN_DECIMALS),
            "cuda_context_gib": round(demand.context_gib, SHOWN_DECIMALS),
            "margin_gib": round(demand.margin_gib, SHOWN_DECIMALS),
            "used_gib": round(demand.used_gib, SHOWN_DECIMALS),
            "band_gib": round(demand.band_gib, SHOWN_DECIMALS),
            "gpu_memory_utilization": demand.share,
            "refusal": demand.refusal,
            "stated_gib": self.entry.stated_gib,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLoad:
    """One card, what it keeps for others, and its entries in the order in which they start."""

    index: int
    gpu: GpuSpec
    reserve_gib: float
    placed: tuple[Placed, ...]

    @property
    def used_gib(self) -> float:
        """GiB that the entries take together."""
        return sum(each.demand.used_gib for each in self.placed)

    @property
    def free_gib(self) -> float:
        """GiB left; below zero it does not fit."""
        return self.gpu.total_gib - self.reserve_gib - self.used_gib

    @property
    def band_gib(self) -> float:
        """How far the sum may be off: errors of different processes do not all point the same way."""
        return sqrt(sum(each.demand.band_gib**2 for each in self.placed))

    @property
    def verdict(self) -> Verdict:
        """Whether this card holds its entries."""
        if self.free_gib < 0 or any(each.demand.refusal for each in self.placed):
            return Verdict.DOES_NOT_FIT
        return Verdict.TIGHT if self.free_gib < self.band_gib else Verdict.FITS

    def as_json(self) -> Mapping[str, object]:
        """Figures in GiB."""
        return {
            "gpu": self.gpu.name,
            "total_gib": round(self.gpu.total_gib, SHOWN_DECIMALS),
            "reserve_gib": self.reserve_gib,
            "used_gib": round(self.used_gib, SHOWN_DECIMALS),
            "free_gib": round(self.free_gib, SHOWN_DECIMALS),
            "band_gib": round(self.band_gib, SHOWN_DECIMALS),
            "verdict": self.verdict.value,
            "processes": [each.as_json() for each in self.placed],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """The answer for one set of cards."""

    budget: Budget
    cards: tuple[CardLoad, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the cards'."""
        found = {card.verdict for card in self.cards}
        return next(each for each in (Verdict.DOES_NOT_FIT, Verdict.TIGHT, Verdict.FITS) if each in found)

    @property
    def missing_gib(self) -> float:
        """GiB that the cards lack together; 0 when none does."""
        return sum(max(-card.free_gib, 0.0) for card in self.cards)

    @property
    def short_gib(self) -> float:
        """GiB that the cards lack together until each holds its entries with their error band; 0 when all do."""
        return sum(max(card.band_gib - card.free_gib, 0.0) for card in self.cards)

    @property
    def refused(self) -> int:
        """Entries that cannot run on their card whatever else is there."""
        return sum(1 for card in self.cards for each in card.placed if each.demand.refusal)


def pack(budget: Budget, cards: Sequence[GpuSpec] | None = None) -> Packing:
    """The budget on its own cards, or on `cards` with its pins taken off. Touches neither network nor disk.

    Raises UsageError when an entry is pinned to a card that is not there, or its options contradict each other.
    """
    if cards is not None:
        budget = replace(budget, cards=tuple(cards), entries=_unpinned(budget.entries))
    programs = _programs(budget)
    rooms = [gpu.total_gib - budget.reserve_gib for gpu in budget.cards]
    units = [_unit(entries, len(budget.cards)) for entries in programs]
    where = place(units, rooms, lambda unit, card: _used(programs[unit], budget.cards[card]))
    return Packing(budget=budget, cards=tuple(_load(budget, card, programs, where) for card in range(len(rooms))))


def _unpinned(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(replace(entry, gpus=()) if entry.gpus else entry for entry in entries)


def _programs(budget: Budget) -> list[list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in budget.entries:
        found.setdefault(entry.program, []).append(entry)
    return list(found.values())


def _unit(entries: Sequence[Entry], cards: int) -> Unit:
    pins = next((entry.gpus for entry in entries if entry.gpus), ())
    for pin in pins:
        if pin >= cards:
            raise UsageError(
                f"{entries[0].name} is pinned to card {pin}, and there are {cards}",
                hint="cards are counted from 0; name more of them under cards:",
            )
    return Unit(max(entry.tensor_parallel for entry in entries), pins)


def _used(entries: Sequence[Entry], gpu: GpuSpec) -> float:
    return sum(demand.used_gib for demand in _demands(entries, gpu))


def _demands(entries: Sequence[Entry], gpu: GpuSpec) -> list[Demand]:
    """One program has one CUDA context, however many models it holds."""
    found = [demand_of(entry, gpu) for entry in entries]
    return [found[0], *(demand.without_context() for demand in found[1:])]


def _load(budget: Budget, card: int, programs: Sequence[Sequence[Entry]], where: Sequence[tuple[int, ...]]) -> CardLoad:
    gpu = budget.cards[card]
    here = [
        Placed(entry=entry, demand=demand)
        for entries, cards in zip(programs, where, strict=True)
        if card in cards
        for entry, demand in zip(entries, _demands(entries, gpu), strict=True)
    ]
    order = {entry.name: index for index, entry in enumerate(budget.entries)}
    here.sort(key=lambda each: order[each.entry.name])
    return CardLoad(index=card, gpu=gpu, reserve_gib=budget.reserve_gib, placed=tuple(here))
