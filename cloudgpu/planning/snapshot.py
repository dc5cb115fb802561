"""A market as it was at one moment, in our own format: JSON lines, a header and every offer with all its fields.

Written by `cloudgpu offers record` and by the cache of searches, read like any other file of offers. Unlike reference
figures its rows are single offers; like them it cannot be rented on: offers die within minutes.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import BadFileError
from cloudgpu.base.whole_file import write_whole
from cloudgpu.planning.candidate import offer_as_json
from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.planning.offers.reference import FORMAT, VERSION
from cloudgpu.planning.offers.row import Row, UnreadableRowError, amount, maybe_number, maybe_text, number, text, whole

KIND = "snapshot"

_MOST_USD = Decimal(1000)
_NUMBERS = ("download_mbps", "disk_gb", "host_ram_gb", "reliability", "rentable_s", "gpu_bandwidth_gb_per_s",
            "host_gb_per_s", "disk_mb_per_s")  # fmt: skip
_TEXTS = ("machine_id", "compute_capability", "cuda_max", "location", "country", "stock")


def is_snapshot_header(row: object) -> bool:
    """Whether the row opens a snapshot of our format."""
    return isinstance(row, dict) and row.get("format") == FORMAT and row.get("kind") == KIND


def save_snapshot(market: Market, path: Path) -> None:
    """Write the market, whole or not at all. Raises BadFileError when the place cannot be written."""
    lines = [json.dumps(row, ensure_ascii=False) for row in (_header(market), *map(offer_as_json, market.offers))]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise BadFileError(f"{path} cannot be written: {error.strerror or error}", hint="check the path") from None


def offers_from_snapshot(rows: Iterable[object]) -> tuple[tuple[Offer, ...], dict[str, int]]:
    """Offers of the rows below a header, and how many rows had to be skipped for which reason."""
    offers: list[Offer] = []
    unreadable: Counter[str] = Counter()
    for row in rows:
        try:
            offers.append(_offer(row))
        except UnreadableRowError as error:
            unreadable[error.reason] += 1
    return tuple(offers), dict(unreadable)


def header_notes(header: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentences for the reader that were recorded with the market."""
    notes = header.get("notes")
    return tuple(note for note in notes if isinstance(note, str)) if isinstance(notes, list) else ()


def _header(market: Market) -> dict[str, Any]:
    providers = sorted({offer.provider for offer in market.offers})
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": KIND,
        "provider": ", ".join(providers) or "none",
        "date": utc_text(market.fetched_at),
        "currency": "USD",
        "source": f"{market.source.value} offers: {market.origin}",
        "complete": market.complete,
        "unreadable": market.unreadable,
        "notes": list(market.notes),
        "price": "USD per hour for all GPUs of the offer, without disk",
    }


def _offer(row: object) -> Offer:
    if not isinstance(row, dict):
        raise UnreadableRowError("row is no object")
    unstated: dict[str, Any] = {name: maybe_text(row, name) for name in _TEXTS}
    unstated.update({name: maybe_number(row, name, least=0, most=1e10) for name in _NUMBERS})
    return Offer(
        provider=text(row, "provider"),
        offer_id=text(row, "offer_id"),
        gpu=text(row, "gpu"),
        gpu_count=whole(row, "gpu_count", least=1, most=64),
        gpu_memory_mib=int(number(row, "gpu_memory_mib", least=1000, most=2_000_000)),
        gpu_usd_per_hour=amount(row, "gpu_usd_per_hour", above=Decimal(0), most=_MOST_USD),
        storage_usd_per_gb_month=amount(row, "storage_usd_per_gb_month", most=_MOST_USD),
        download_usd_per_gb=amount(row, "download_usd_per_gb", most=_MOST_USD),
        upload_usd_per_gb=amount(row, "upload_usd_per_gb", most=_MOST_USD),
        verified=row["verified"] if isinstance(row.get("verified"), bool) else None,
        open_ports=_maybe_count(row, "open_ports"),
        interruptible=row.get("interruptible") is True,
        min_bid_usd_per_hour=_maybe_usd(row, "min_bid_usd_per_hour"),
        on_demand_usd_per_hour=_maybe_usd(row, "on_demand_usd_per_hour"),
        **unstated,
    )


def _maybe_count(row: Row, field: str) -> int | None:
    value = maybe_number(row, field, least=0, most=100_000)
    return None if value is None else int(value)


def _maybe_usd(row: Row, field: str) -> Decimal | None:
    return None if row.get(field) is None else amount(row, field, above=Decimal(0), most=_MOST_USD)
