"""The normalised offer: one thing that can be rented, whoever rents it out.

Adapters and file readers build these; nothing above this line sees a provider's own fields.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

_SIZE = re.compile(r" \d+ ?GB$")


class OfferSource(StrEnum):
    """Where offers came from; every output says so."""

    LIVE = "live"
    CACHED = "cached"
    REFERENCE = "reference"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One rentable slice of a machine, priced for all its GPUs together.

    None always means "the source does not say", never zero. `gpu` is the name in our catalogue; `gpu_memory_mib` is
    per GPU, as nvidia-smi shows it; `gpu_bandwidth_gb_per_s` what a copy on it was measured at, `host_gb_per_s` one
    from the host to it. `machine_id` is stable where `offer_id` is not. `stock` is how many of the kind are free, in
    the provider's word (low, medium, high), where an offer stands for more than one machine; it is no reservation. An
    `interruptible` offer is a bid: `gpu_usd_per_hour` is what is bid for all GPUs together, `min_bid_usd_per_hour` the
    least that wins, `on_demand_usd_per_hour` what the same cards cost without interruption.
    """

    provider: str
    offer_id: str
    machine_id: str | None
    gpu: str
    gpu_count: int
    gpu_memory_mib: int
    compute_capability: str | None
    cuda_max: str | None
    gpu_usd_per_hour: Decimal
    storage_usd_per_gb_month: Decimal
    download_usd_per_gb: Decimal
    upload_usd_per_gb: Decimal
    download_mbps: float | None
    disk_gb: float | None
    host_ram_gb: float | None
    reliability: float | None
    verified: bool | None
    location: str | None
    country: str | None
    open_ports: int | None
    rentable_s: float | None
    interruptible: bool = False
    gpu_bandwidth_gb_per_s: float | None = None
    host_gb_per_s: float | None = None
    disk_mb_per_s: float | None = None
    min_bid_usd_per_hour: Decimal | None = None
    on_demand_usd_per_hour: Decimal | None = None
    stock: str | None = None

    @property
    def cards(self) -> str:
        """The cards in words: `2x RTX 4090 24 GB`."""
        return cards(self.gpu, self.gpu_memory_mib, self.gpu_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Offers with their origin and age. `complete` is False when the source may know more than it told.

    `unreadable` counts rows that had to be skipped, by reason; `notes` are sentences for the reader. `blocked` maps
    (provider, machine) to why that machine is not to be tried again for a while.
    """

    offers: tuple[Offer, ...]
    source: OfferSource
    origin: str
    fetched_at: datetime
    complete: bool
    unreadable: dict[str, int]
    notes: tuple[str, ...] = ()
    blocked: Mapping[tuple[str, str], str] = field(default_factory=dict)


def cards(gpu: str, memory_mib: int | None, count: int) -> str:
    """`2x RTX 4090 24 GB`: so many of `card`."""
    return f"{count}x {card(gpu, memory_mib)}"


def card(gpu: str, memory_mib: int | None) -> str:
    """`RTX 4090 24 GB`: the size is the offer's own, whatever size the card's name says. None: size not known."""
    size = f" {memory_mib / 1024:.0f} GB" if memory_mib else ""
    return f"{_SIZE.sub('', gpu) if size else gpu}{size}"
