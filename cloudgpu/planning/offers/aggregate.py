"""Many offers of one provider made into reference figures: how the files in `offers/` are refreshed.

One row a (GPU, memory, count): low quartile and median of the price without disk, medians of what a machine is like.
A group of one offer is left out: that would be one host's price, not a figure.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import exact_text
from cloudgpu.base.units import GB, MIB
from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.planning.offers.reference import FORMAT, VERSION

LEAST_OFFERS = 2
MILL = Decimal("0.001")


def reference_rows(market: Market, provider: str) -> list[dict[str, Any]]:
    """Header and rows of the provider's verified offers, in the format of `offers/README.md`."""
    groups: dict[tuple[str, int, int], list[Offer]] = defaultdict(list)
    for offer in market.offers:
        if offer.provider == provider and offer.verified is not False and not offer.interruptible:
            groups[(offer.gpu, offer.gpu_memory_mib, offer.gpu_count)].append(offer)
    rows = [_row(offers) for _, offers in sorted(groups.items()) if len(offers) >= LEAST_OFFERS]
    return [_header(market, provider), *rows]


def quartile(amounts: Sequence[Decimal], share: Decimal) -> Decimal:
    """The amount below which `share` of them lie, between two of them in proportion. Raises ValueError for none."""
    if not amounts:
        raise ValueError("no amounts, no quartile")
    ordered = sorted(amounts)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _header(market: Market, provider: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": "reference",
        "provider": provider,
        "date": utc_text(market.fetched_at),
        "currency": "USD",
        "source": f"{provider} offers of {market.fetched_at:%Y-%m-%d}, verified hosts, on demand; aggregated",
        "row": f"one GPU name, memory size and GPU count: figures over n offers, {LEAST_OFFERS} at least",
        "price": "USD per hour for all GPUs of the row, without disk: low quartile (what a plan uses) and median",
        "figures": "medians of the same offers; cuda: the highest that one of them supports",
        "typical": {"verified": True},
    }


def _row(offers: Sequence[Offer]) -> dict[str, Any]:
    first = offers[0]
    gpu_prices = [offer.gpu_usd_per_hour for offer in offers]
    row: dict[str, Any] = {
        "gpu": first.gpu,
        "memory_mib": first.gpu_memory_mib,
        "gpu_count": first.gpu_count,
        "n": len(offers),
        "usd_low_quartile": _usd(quartile(gpu_prices, Decimal("0.25"))),
        "usd_median": _usd(quartile(gpu_prices, Decimal("0.5"))),
        "disk_gb": _median(offers, lambda offer: offer.disk_gb, 0),
        "ram_mib": _median(offers, lambda offer: offer.host_ram_gb and offer.host_ram_gb * GB / MIB, 0),
        "download_mbps": _median(offers, lambda offer: offer.download_mbps, 0),
        "reliability": _median(offers, lambda offer: offer.reliability, 3),
        "cuda": max((offer.cuda_max for offer in offers if offer.cuda_max), default=None, key=_version),
        "storage_usd_per_gb_month": _usd(quartile([o.storage_usd_per_gb_month for o in offers], Decimal("0.5"))),
        "download_usd_per_gb": _usd(quartile([o.download_usd_per_gb for o in offers], Decimal("0.5")), "0.0001"),
        "upload_usd_per_gb": _usd(quartile([o.upload_usd_per_gb for o in offers], Decimal("0.5")), "0.0001"),
    }
    return {name: value for name, value in row.items() if value is not None}


def _usd(amount: Decimal, step: str = str(MILL)) -> str:
    return exact_text(amount.quantize(Decimal(step)))


def _median(offers: Sequence[Offer], figure: Callable[[Offer], float | None], places: int) -> float | int | None:
    known = [value for offer in offers if (value := figure(offer)) is not None]
    if not known:
        return None
    return round(median(known), places) if places else round(median(known))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
