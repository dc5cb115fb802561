"""Our own format of price figures: JSON lines, a header and then a row for each (GPU, memory, count, provider).

The rows are figures over many offers or list prices, none can be rented; `offers/README.md` explains every field.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import parse_utc
from cloudgpu.base.units import gb_from_gib, gib_from_mib
from cloudgpu.planning.offers.card_memory import check_memory
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.offers.row import (
    Row,
    UnreadableRowError,
    amount,
    maybe_number,
    maybe_text,
    stated_number,
    text,
    whole,
)
from cloudgpu.sizing.gpus import match_gpu

FORMAT = "cloudgpu-offers"
VERSION = 1
OFFER_ID_PREFIX = "reference:"

_MOST_USD = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceHeader:
    """The first row: whose prices, of when, from where, and the figures that hold for all rows."""

    provider: str
    date: datetime
    source: str
    typical: Mapping[str, Any]


def is_reference_header(row: object) -> bool:
    """Whether the row opens a file of our format, of whatever version."""
    return isinstance(row, dict) and row.get("format") == FORMAT


def is_reference(offer: Offer) -> bool:
    """Whether the offer is a figure of our format: a typical price, nothing to rent."""
    return offer.offer_id.startswith(OFFER_ID_PREFIX)


def read_header(row: Row) -> ReferenceHeader:
    """The header row. Raises UnreadableRowError when its version is not ours or a field is missing."""
    if row.get("version") != VERSION:
        raise UnreadableRowError(f"version {row.get('version')} is not {VERSION}")
    if row.get("currency", "USD") != "USD":
        raise UnreadableRowError("currency is not USD")
    typical = row.get("typical")
    try:
        date = parse_utc(text(row, "date"))
    except ValueError:
        raise UnreadableRowError("date is no time with a zone") from None
    return ReferenceHeader(
        provider=text(row, "provider"),
        date=date,
        source=text(row, "source"),
        typical=typical if isinstance(typical, dict) else {},
    )


def offers_from_reference(header: ReferenceHeader, rows: Iterable[object]) -> tuple[tuple[Offer, ...], dict[str, int]]:
    """Offers of the rows under one header, and how many rows had to be skipped for which reason."""
    offers: list[Offer] = []
    unreadable: Counter[str] = Counter()
    for row in rows:
        try:
            offers.append(_offer(header, row))
        except UnreadableRowError as error:
            unreadable[error.reason] += 1
    return tuple(offers), dict(unreadable)


def _offer(header: ReferenceHeader, bare_row: object) -> Offer:
    if not isinstance(bare_row, dict):
        raise UnreadableRowError("row is no object")
    row = {**header.typical, **bare_row}
    gpu_name, memory_mib = text(row, "gpu"), whole(row, "memory_mib", least=1000, most=2_000_000)
    gpu_count = whole(row, "gpu_count", least=1, most=64)
    cloud = maybe_text(row, "cloud")
    known = match_gpu(gpu_name, memory_mib)
    check_memory("memory_mib", known, memory_mib)
    ram_mib = maybe_number(row, "ram_mib", least=1, most=1e9)
    return Offer(
        provider=header.provider,
        offer_id=":".join(filter(None, (OFFER_ID_PREFIX[:-1], header.provider, cloud, gpu_name,
                                        str(memory_mib), str(gpu_count)))),
        machine_id=None,
        gpu=known.name if known else gpu_name,
        gpu_count=gpu_count,
        gpu_memory_mib=memory_mib,
        compute_capability=known.compute_capability if known else None,
        cuda_max=maybe_text(row, "cuda"),
        gpu_usd_per_hour=amount(row, _price_field(row), above=Decimal(0), most=_MOST_USD),
        storage_usd_per_gb_month=amount(row, "storage_usd_per_gb_month", most=_MOST_USD),
        download_usd_per_gb=amount(row, "download_usd_per_gb", most=_MOST_USD),
        upload_usd_per_gb=amount(row, "upload_usd_per_gb", most=_MOST_USD),
        download_mbps=stated_number(row, "download_mbps", least=0, most=1_000_000),
        disk_gb=stated_number(row, "disk_gb", least=0, most=10_000_000),
        host_ram_gb=None if ram_mib is None else gb_from_gib(gib_from_mib(ram_mib)),
        reliability=stated_number(row, "reliability", least=0, most=1),
        verified=row["verified"] if isinstance(row.get("verified"), bool) else None,
        location=f"{cloud} cloud" if cloud else None,
        country=None,
        open_ports=None,
        rentable_s=None,
    )  # fmt: skip


def _price_field(row: Row) -> str:
    return "usd_low_quartile" if "usd_low_quartile" in row else "usd_list"
