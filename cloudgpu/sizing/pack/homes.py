"""The cheapest card or pair that takes all of a budget. Prices come from outside: this wing knows none."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.pack.budget import Budget, Entry
from cloudgpu.sizing.pack.demand import demand_of
from cloudgpu.sizing.pack.packing import Packing, Verdict, pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Rentable:
    """`count` cards of one machine and what they cost together, all in. `name` and `provider` are for the reader."""

    name: str
    gpu: GpuSpec
    count: int
    usd_per_hour: Decimal
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where all of it fits, with the figures of that packing."""

    rentable: Rentable
    packing: Packing


def cheapest_homes(budget: Budget, rentables: Iterable[Rentable], most: int = 5) -> list[Home]:
    """The cheapest machines that hold the whole budget with its error band, cheapest first, each kind once.

    Pins are taken off and a server is shared out over all cards when one does not hold it. Only NVIDIA cards are tried.
    """
    found: list[Home] = []
    seen: set[tuple[str, float, int]] = set()
    for rentable in sorted(rentables, key=lambda each: (each.usd_per_hour, each.gpu.name, each.count)):
        key = (rentable.gpu.name, rentable.gpu.total_gib, rentable.count)
        if rentable.gpu.vendor != "NVIDIA" or key in seen:
            continue
        seen.add(key)
        packing = _packed(budget, rentable)
        if packing is not None and packing.verdict is Verdict.FITS:
            found.append(Home(rentable=rentable, packing=packing))
        if len(found) == most:
            break
    return found


def _packed(budget: Budget, rentable: Rentable) -> Packing | None:
    """None when an engine refuses that card or that split."""
    try:
        entries = tuple(_for_machine(entry, rentable) for entry in budget.entries)
        return pack(replace(budget, entries=entries, reserve_gib=0.0), (rentable.gpu,) * rentable.count)
    except UsageError:
        return None


def _for_machine(entry: Entry, rentable: Rentable) -> Entry:
    """A share that was set for another card means nothing here."""
    ranks = min(entry.tensor_parallel, rentable.count)
    changed = entry.gpu_memory_utilization is not None or ranks != entry.tensor_parallel
    found = replace(entry, gpu_memory_utilization=None, tensor_parallel=ranks) if changed else entry
    if found.is_server and ranks < rentable.count and demand_of(found, rentable.gpu).refusal:
        return replace(found, tensor_parallel=rentable.count)
    return found
