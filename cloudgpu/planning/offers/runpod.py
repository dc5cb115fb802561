"""RunPod's catalogue, as GraphQL `gpuTypes` and as REST v2 `/catalog/gpus` answer, made into offers.

RunPod sells GPU types, not machines: one offer is (type, cloud, count) at list price times count. A price counts only
where the type's own flag says that this cloud has it: elsewhere it is a placeholder (a B200 at 0.50 USD). Ids are
matched whole: that of a MIG slice contains the id of the full card.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from cloudgpu.base.units import MIB_PER_GIB
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.offers.row import Row, UnreadableRowError, amount, maybe_number, number, text
from cloudgpu.sizing.gpus import match_gpu

CONTAINER_DISK_USD_PER_GB_MONTH = Decimal("0.10")
"""Container disk while the pod runs. Source: RunPod documentation of 2026-08-20."""

GPU_COUNTS = (1, 2, 4, 8)
"""Counts offered of every type up to its maximum: an engine rarely splits a model otherwise."""

_CLOUDS = ("secure", "community")
_NO_STOCK = ("NONE", "")
_LEVELS = ("LOW", "MEDIUM", "HIGH", "Low", "Medium", "High")
_ECC_SHARE = Decimal(15) / 16
_MOST_USD_PER_HOUR = Decimal(200)
_VERSION = re.compile(r"\d+\.\d+")


def offers_from_runpod(types: Iterable[object]) -> tuple[tuple[Offer, ...], dict[str, int]]:
    """Offers of a catalogue's types, and how many types (or clouds of a type) were skipped for which reason."""
    offers: list[Offer] = []
    unreadable: Counter[str] = Counter()
    for row in types:
        if not isinstance(row, dict):
            unreadable["row is no object"] += 1
            continue
        for cloud in _CLOUDS:
            try:
                offers.extend(_cloud_offers(row, cloud))
            except UnreadableRowError as error:
                unreadable[error.reason] += 1
    return tuple(offers), dict(unreadable)


def catalogue_offers(
    types: Iterable[object], cloud: str, gpu_count: int, *, by_place: bool
) -> tuple[tuple[Offer, ...], dict[str, int]]:
    """Offers of an answer that was asked for one cloud and one count: its stock holds for nothing else.

    `by_place` gives an offer for each data centre that has the type, with its country; else one offer is good for all
    of them. The dictionary counts the types that were skipped, by reason.
    """
    offers: list[Offer] = []
    unreadable: Counter[str] = Counter()
    for row in types:
        if not isinstance(row, dict):
            unreadable["row is no object"] += 1
            continue
        try:
            found = list(_cloud_offers(row, cloud, (gpu_count,)))
        except UnreadableRowError as error:
            unreadable[error.reason] += 1
            continue
        offers.extend(placed for offer in found for placed in (_placed(offer, row) if by_place else (offer,)))
    return tuple(offers), dict(unreadable)


def is_runpod_type(row: object) -> bool:
    """Whether the row looks like a type of either catalogue form."""
    return isinstance(row, dict) and "id" in row and ("securePrice" in row or isinstance(row.get("price"), dict))


def _cloud_offers(row: Row, cloud: str, gpu_counts: tuple[int, ...] = GPU_COUNTS) -> Iterator[Offer]:
    runpod_id = text(row, "id")
    if runpod_id == "unknown":
        raise UnreadableRowError("type is unknown")
    if not _flag(row, cloud):
        raise UnreadableRowError(f"{cloud} cloud does not have the type")
    if not _in_stock(row):
        raise UnreadableRowError("out of stock")
    usd_per_gpu_hour = _usd_per_gpu_hour(row, cloud)
    return (
        _offer(row, runpod_id, cloud, count, usd_per_gpu_hour)
        for count in gpu_counts
        if count <= _most_gpus(row, cloud)
    )


def _offer(row: Row, runpod_id: str, cloud: str, gpu_count: int, usd_per_gpu_hour: Decimal) -> Offer:
    marketed_gb = number(row, "memoryInGb" if "memoryInGb" in row else "memory", least=1, most=2000)
    known = match_gpu(runpod_id, None) or match_gpu(runpod_id, int(marketed_gb * MIB_PER_GIB))
    return Offer(
        provider="runpod",
        offer_id=f"{runpod_id}/{cloud}/{gpu_count}",
        machine_id=None,
        gpu=known.name if known else runpod_id,
        gpu_count=gpu_count,
        gpu_memory_mib=known.memory_mib if known else int(marketed_gb * MIB_PER_GIB * float(_ECC_SHARE)),
        compute_capability=known.compute_capability if known else None,
        cuda_max=_newest_cuda(row),
        gpu_usd_per_hour=usd_per_gpu_hour * gpu_count,
        storage_usd_per_gb_month=CONTAINER_DISK_USD_PER_GB_MONTH,
        download_usd_per_gb=Decimal(0),
        upload_usd_per_gb=Decimal(0),
        download_mbps=None,
        disk_gb=None,
        host_ram_gb=None,
        reliability=None,
        verified=True if cloud == "secure" else None,
        location=f"{cloud} cloud",
        country=None,
        open_ports=None,
        rentable_s=None,
        stock=_stock(row),
    )


def _placed(offer: Offer, row: Row) -> Iterator[Offer]:
    """The offer in each data centre that has it in stock."""
    for centre in row.get("dataCenters") or ():
        if isinstance(centre, dict) and isinstance(centre.get("id"), str) and _in_stock(centre):
            place = centre["id"]
            yield replace(
                offer, offer_id=f"{offer.offer_id}/{place}", location=f"{place}, {offer.location}",
                country=country_of(place), stock=_stock(centre) or offer.stock,
            )  # fmt: skip


def country_of(data_centre: str) -> str | None:
    """The country of a data centre's id: `EU-RO-1` is in RO, `US-TX-3` in US. None for another form."""
    parts = data_centre.split("-")
    if len(parts) < 3:
        return None
    country = parts[0] if parts[0] in ("US", "CA") else parts[1]
    return country if len(country) == 2 and country.isalpha() else None


def _newest_cuda(row: Row) -> str | None:
    """The newest CUDA version that some host of the type has free; None when the row does not say."""
    versions = row.get("cudaVersions")
    if not isinstance(versions, list):
        return None
    free = [str(each.get("version")) for each in versions if isinstance(each, dict) and each.get("available")]
    numbers = [tuple(map(int, text.split("."))) for text in free if _VERSION.fullmatch(text)]
    return ".".join(map(str, max(numbers))) if numbers else None


def _flag(row: Row, cloud: str) -> bool:
    return row.get(f"{cloud}Cloud", row.get(cloud)) is True


def _in_stock(row: Row) -> bool:
    stated = _stated_stock(row)
    return stated is None or stated.upper() not in _NO_STOCK


def _stock(row: Row) -> str | None:
    """`low`, `medium` or `high`; None when the answer does not say."""
    stated = _stated_stock(row)
    return stated.lower() if stated in _LEVELS else None


def _stated_stock(row: Row) -> str | None:
    """The provider's word; empty for none at all, None where the answer says nothing of stock."""
    if "availability" in row:
        return str(row["availability"] or "")
    lowest = row.get("lowestPrice")
    if isinstance(lowest, dict) and "stockStatus" in lowest:
        return str(lowest["stockStatus"] or "")
    return None


def _usd_per_gpu_hour(row: Row, cloud: str) -> Decimal:
    prices = row.get("price")
    if isinstance(prices, dict):
        return amount(prices, cloud, above=Decimal(0), most=_MOST_USD_PER_HOUR)
    return amount(row, f"{cloud}Price", above=Decimal(0), most=_MOST_USD_PER_HOUR)


def _most_gpus(row: Row, cloud: str) -> int:
    counts = row.get("maxCount")
    if isinstance(counts, dict):
        return int(maybe_number(counts, cloud, least=0, most=1000) or 1)
    own = maybe_number(row, f"maxGpuCount{cloud.capitalize()}Cloud", least=1, most=1000)
    return int(own or maybe_number(row, "maxGpuCount", least=1, most=1000) or 1)
