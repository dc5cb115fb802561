"""The question that Vast.ai's market is asked. Filters it cannot take are left to the planner, which checks all."""

from decimal import Decimal
from typing import Any

from cloudgpu.base.money import show_usd
from cloudgpu.running.providers.base import OfferQuery
from cloudgpu.sizing.gpus import find_gpu

MOST_ROWS = 512
"""Above its own cap the market answers with a random sample; the filters keep below it where they can."""

KEYLESS_ROWS = 64
"""So many rows at most were seen by some clients whatever their limit: an answer of just that length may be cut."""


def is_cut(rows: int) -> bool:
    """Whether an answer of so many rows may have been cut off by one of the market's caps."""
    return rows >= MOST_ROWS or rows == KEYLESS_ROWS


def cut_note(whole_below_usd_per_hour: Decimal | None, calls: int) -> str:
    """What to tell about an answer that stayed cut off after so many searches."""
    limit = whole_below_usd_per_hour
    known = "a sample of it" if limit is None else f"all of it up to {show_usd(limit, 3)}/h, above that a sample"
    return f"Vast.ai holds more offers than it tells in {calls} searches: this is {known}."


_EITHER = {"in": [True, False]}
"""An absent filter would be replaced by the market's own default."""

_MEMORY_SLACK = 0.93
"""`gpu_ram` is what a card leaves usable: 22.5 GB of an L4's 24."""


def search_body(query: OfferQuery) -> dict[str, Any]:
    """The body of POST /bundles/. `allocated_storage` is the real disk: prices come with it, small disks drop out."""
    filters: dict[str, Any] = {
        "rentable": {"eq": True},
        "rented": {"eq": False},
        "external": {"eq": False},
        "direct_port_count": {"gte": 1},
        "disk_space": {"gte": query.disk_gb},
    }
    filters["verified"] = {"eq": True} if query.verified_only else _EITHER
    if query.gpu_names:
        filters["gpu_name"] = {"in": sorted({name for gpu in query.gpu_names for name in find_gpu(gpu).vast_names})}
    if query.gpu_counts:
        filters["num_gpus"] = {"in": list(query.gpu_counts)}
    if query.min_gpu_memory_mib:
        filters["gpu_ram"] = {"gte": int(query.min_gpu_memory_mib * _MEMORY_SLACK)}
    if query.min_total_memory_mib:
        filters["gpu_total_ram"] = {"gte": query.min_total_memory_mib}
    if query.min_reliability is not None:
        filters["reliability2"] = {"gte": query.min_reliability}
    if query.max_usd_per_hour is not None:
        filters["dph_total"] = {"lte": float(query.max_usd_per_hour)}
    return _whole(filters, query.disk_gb)


def offer_body(offer_id: str, disk_gb: float) -> dict[str, Any]:
    """The body that reads one offer again, whatever else is true of it. A filter on `id` would match nothing."""
    return _whole(
        {
            "ask_contract_id": {"eq": int(offer_id)},
            "rentable": {"eq": True},
            "rented": {"eq": False},
            "verified": _EITHER,
        },
        disk_gb,
    )


def _whole(filters: dict[str, Any], disk_gb: float) -> dict[str, Any]:
    return {
        **filters,
        "type": "on-demand",
        "order": [["dph_total", "asc"]],
        "limit": MOST_ROWS,
        "allocated_storage": disk_gb,
    }
