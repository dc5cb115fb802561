"""The cards that are free, as offers: so many of a kind at the price of their electricity."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from cloudgpu.base.settings import DockerSettings
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.running.providers.docker.cards import Card
from cloudgpu.running.providers.docker.electricity import usd_per_hour

_COUNTS = (1, 2, 4, 8)
_NOTHING = Decimal(0)


def offers_of(cards: Sequence[Card], settings: DockerSettings, info: dict[str, Any], place: str) -> tuple[Offer, ...]:
    """An offer for each kind and count; engines split a model over 1, 2, 4 or 8, or over all there are.

    `machine_id` is None: a model that did not start on one card may start on two of the same machine.
    """
    ram = info.get("MemTotal")
    ram_gb = ram / 1e9 if isinstance(ram, int) and ram > 0 else None
    return tuple(
        _offer(some, settings, ram_gb, place) for kind in _kinds(cards) for some in _slices(kind)
    )  # fmt: skip


def picked(cards: Sequence[Card], offer_id: str) -> tuple[Card, ...]:
    """The first free cards that the offer stands for; empty when they are no longer free."""
    name, _, count = offer_id.rpartition("/")
    same = [card for card in cards if card.name == name]
    wanted = int(count) if count.isdecimal() else 0
    return tuple(same[:wanted]) if 0 < wanted <= len(same) else ()


def _kinds(cards: Sequence[Card]) -> list[list[Card]]:
    names = dict.fromkeys(card.name for card in cards)
    return [[card for card in cards if card.name == name] for name in names]


def _slices(kind: Sequence[Card]) -> Iterator[Sequence[Card]]:
    for count in sorted({*_COUNTS, len(kind)}):
        if count <= len(kind):
            yield kind[:count]


def _offer(cards: Sequence[Card], settings: DockerSettings, host_ram_gb: float | None, place: str) -> Offer:
    first = cards[0]
    return Offer(
        provider="docker", offer_id=f"{first.name}/{len(cards)}", machine_id=None, gpu=first.name,
        gpu_count=len(cards), gpu_memory_mib=first.memory_mib, compute_capability=first.compute_capability,
        cuda_max=None, gpu_usd_per_hour=usd_per_hour(cards, settings), storage_usd_per_gb_month=_NOTHING,
        download_usd_per_gb=_NOTHING, upload_usd_per_gb=_NOTHING, download_mbps=None, disk_gb=None,
        host_ram_gb=host_ram_gb, reliability=None, verified=None, location=place, country=None, open_ports=None,
        rentable_s=None,
    )  # fmt: skip
