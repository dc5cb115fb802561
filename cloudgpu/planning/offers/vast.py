"""Vast.ai's offer rows, as `vastai search offers --raw` prints them and as the API answers, made into offers.

Traps this file knows (measured on offers of 2026): `dph_total` holds the price of some other disk; `gpu_ram` and
`cpu_ram` are MiB; a card's memory differs from its name's (modded cards, ECC); `compute_cap` may be nonsense;
`cuda_max_good` has once been a driver number; `cpu_ram` and `disk_space` are already the slice's share.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from cloudgpu.base.units import HOURS_PER_MONTH, gb_from_gib, gib_from_mib
from cloudgpu.planning.offers.card_memory import check_memory
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.offers.row import (
    Row,
    UnreadableRowError,
    amount,
    maybe_number,
    maybe_text,
    number,
    refuse_negative,
    stated_number,
    text,
    whole,
)
from cloudgpu.sizing.gpus import match_gpu

DISK_IN_DPH_TOTAL_GB = 5
"""What the client's search asks for unless told otherwise; `dph_total` includes it."""

_MOST_USD_PER_HOUR = Decimal(1000)
_MOST_USD_PER_GB = Decimal(100)
_MEASURES = (
    "disk_space", "inet_down", "inet_up", "cpu_ram", "duration", "compute_cap", "cuda_max_good", "gpu_mem_bw",
    "pcie_bw", "disk_bw", "min_bid",
)  # fmt: skip
_CUDA_OF_DRIVER = {
    525: "12.0", 530: "12.1", 535: "12.2", 545: "12.3", 550: "12.4", 555: "12.5", 560: "12.6", 565: "12.7",
    570: "12.8", 575: "12.9", 580: "13.0", 590: "13.1", 595: "13.2",
}  # fmt: skip
"""Driver branch to the newest CUDA it runs: general knowledge of NVIDIA's releases; 595 and 13.2 as seen in offers."""


def offers_from_vast(rows: Iterable[object], provider: str = "vast") -> tuple[tuple[Offer, ...], dict[str, int]]:
    """Offers of many rows, and how many rows had to be skipped for which reason."""
    offers: list[Offer] = []
    unreadable: Counter[str] = Counter()
    for row in rows:
        try:
            offers.append(offer_from_vast(_mapping(row), provider))
        except UnreadableRowError as error:
            unreadable[error.reason] += 1
    return tuple(offers), dict(unreadable)


def offer_from_vast(row: Row, provider: str = "vast") -> Offer:
    """One offer of one row. The GPU table decides name and capability; the row decides memory.

    `provider` names the market that answered: Vast.ai itself or the emulator.

    Raises UnreadableRowError when the row lacks what a price or a fit needs, or is rented already.
    """
    _refuse_rented(row)
    refuse_negative(row, _MEASURES)
    vendor_name = text(row, "gpu_name").replace("_", " ")
    memory_mib = int(number(row, "gpu_ram", least=1000, most=2_000_000))
    known = match_gpu(vendor_name, memory_mib)
    check_memory("gpu_ram", known, memory_mib)
    storage = amount(row, "storage_cost", most=_MOST_USD_PER_GB)
    location = _location(row)
    return Offer(
        provider=provider,
        offer_id=text(row, "ask_contract_id" if row.get("ask_contract_id") is not None else "id"),
        machine_id=maybe_text(row, "machine_id"),
        gpu=known.name if known else vendor_name,
        gpu_count=whole(row, "num_gpus", least=1, most=64),
        gpu_memory_mib=memory_mib,
        compute_capability=known.compute_capability if known else _capability(row),
        cuda_max=_cuda(row),
        gpu_usd_per_hour=_gpu_usd_per_hour(row, storage),
        storage_usd_per_gb_month=storage,
        download_usd_per_gb=amount(row, "inet_down_cost", most=_MOST_USD_PER_GB),
        upload_usd_per_gb=amount(row, "inet_up_cost", most=_MOST_USD_PER_GB),
        download_mbps=maybe_number(row, "inet_down", least=0, most=1_000_000),
        disk_gb=stated_number(row, "disk_space", least=0, most=10_000_000),
        host_ram_gb=_host_ram_gb(row),
        reliability=_reliability(row),
        verified=_verified(row),
        location=location,
        country=country_of(location),
        open_ports=int(maybe_number(row, "direct_port_count", least=0, most=100_000) or 0),
        rentable_s=maybe_number(row, "duration", least=0, most=1e10),
        interruptible=row.get("is_bid") is True,
        gpu_bandwidth_gb_per_s=maybe_number(row, "gpu_mem_bw", least=50, most=50_000),
        host_gb_per_s=maybe_number(row, "pcie_bw", least=0.05, most=200),
        disk_mb_per_s=maybe_number(row, "disk_bw", least=1, most=1_000_000),
        min_bid_usd_per_hour=_min_bid(row),
    )


def unsaid_notes(offers: Sequence[Offer]) -> tuple[str, ...]:
    """Sentences on offers that do not say what Vast.ai's always do, and so pass a filter that nobody can hold up."""
    unsaid = {
        "how reliable the host is: no least reliability was applied there": "reliability",
        "whether the host is verified: none was refused for it": "verified",
        "how much disk there is: it was taken to be enough": "disk_gb",
    }
    counts = {what: sum(getattr(offer, field) is None for offer in offers) for what, field in unsaid.items()}
    return tuple(
        f"{count} of {len(offers)} offers {'does' if count == 1 else 'do'} not say {what}."
        for what, count in counts.items()
        if count
    )


def country_of(location: str | None) -> str | None:
    """The country code of `Region, CC`, of `, CC` and of the three-part form `Region, CC, EU`; None without one."""
    parts = [part.strip() for part in (location or "").split(",")]
    codes = [part for part in parts if len(part) == 2 and part.isascii() and part.isalpha() and part.isupper()]
    if len(codes) > 1 and codes[-1] == "EU":
        return codes[-2]
    return codes[-1] if codes else None


def _mapping(row: object) -> Row:
    if not isinstance(row, dict):
        raise UnreadableRowError("row is no object")
    return row


def _refuse_rented(row: Row) -> None:
    if row.get("rentable") is False or row.get("rented") is True:
        raise UnreadableRowError("rented already")


def _gpu_usd_per_hour(row: Row, storage_usd_per_gb_month: Decimal) -> Decimal:
    if row.get("dph_base") is not None:
        return amount(row, "dph_base", above=Decimal(0), most=_MOST_USD_PER_HOUR)
    total = amount(row, "dph_total", above=Decimal(0), most=_MOST_USD_PER_HOUR)
    price = total - storage_usd_per_gb_month * DISK_IN_DPH_TOTAL_GB / HOURS_PER_MONTH
    if price <= 0:
        raise UnreadableRowError("dph_total is absurd")
    return price


def _min_bid(row: Row) -> Decimal | None:
    try:
        return amount(row, "min_bid", above=Decimal(0), most=_MOST_USD_PER_HOUR)
    except UnreadableRowError:
        return None


def _capability(row: Row) -> str | None:
    value = maybe_number(row, "compute_cap", least=30, most=2000)
    if value is None or 130 <= value < 300:
        return None
    hundredths = value if value >= 300 else value * 10
    return f"{int(hundredths) // 100}.{int(hundredths) % 100 // 10}"


def _cuda(row: Row) -> str | None:
    value = maybe_number(row, "cuda_max_good", least=1, most=10_000)
    if value is None or value < 100:
        return f"{value:.1f}" if value is not None else None
    return _CUDA_OF_DRIVER.get(int(value) // 5 * 5)


def _host_ram_gb(row: Row) -> float | None:
    mib = maybe_number(row, "cpu_ram", least=1, most=1e9)
    return None if mib is None else gb_from_gib(gib_from_mib(mib))


def _reliability(row: Row) -> float | None:
    value = stated_number(row, "reliability2", least=0, most=1)
    return stated_number(row, "reliability", least=0, most=1) if value is None else value


def _verified(row: Row) -> bool | None:
    if isinstance(row.get("verification"), str):
        return bool(row["verification"] == "verified")
    if isinstance(row.get("verified"), bool):
        return bool(row["verified"])
    code = maybe_number(row, "vericode", least=0, most=10)
    return None if code is None else code == 1


def _location(row: Row) -> str | None:
    place = maybe_text(row, "geolocation")
    return (place.strip(" ,") or None) if place else None
