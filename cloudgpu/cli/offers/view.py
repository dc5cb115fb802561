"""Offers for people and for programs."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.cli import render
from cloudgpu.cli.plan.origin import age_line, place
from cloudgpu.cli.render import Column
from cloudgpu.planning.candidate import offer_as_json
from cloudgpu.planning.offers.aggregate import reference_rows
from cloudgpu.planning.offers.offer import Market, Offer

_COLUMNS = (
    Column("GPU"),
    Column("from"),
    Column("$/hour", right=True),
    Column("$/GPU", right=True, drop=5),
    Column("disk", right=True, drop=3),
    Column("host", right=True, drop=2),
    Column("downloads", right=True, drop=4),
    Column("CUDA", right=True, drop=6),
    Column("place", drop=1),
)


def render_market(market: Market, found: Sequence[Offer], limit: int, now: datetime, sort: str = "price") -> None:
    """Print offers and where they come from."""
    rows = [_row(offer) for offer in found[:limit]]
    title = f"{len(found)} of {len(market.offers)} offers; the best {len(rows)} by {sort} (without disk and traffic)"
    render.table(_COLUMNS, rows, title=title)
    if market.offers and not found:
        render.note("No offer passes these filters; reference prices name no place, so --region leaves none of them.")
    render.text()
    render.note(age_line(market.source, market.origin, (now - market.fetched_at).total_seconds()))
    for line in market.notes:
        render.warning(line)


def market_as_json(market: Market, found: Sequence[Offer], now: datetime) -> dict[str, Any]:
    """The market with these of its offers; money as text of digits."""
    return {
        "source": market.source.value,
        "origin": market.origin,
        "fetched_at": utc_text(market.fetched_at),
        "age_s": max(0, int((now - market.fetched_at).total_seconds())),
        "count": len(market.offers),
        "complete": market.complete,
        "unreadable": market.unreadable,
        "notes": list(market.notes),
        "offers": [offer_as_json(offer) for offer in found],
    }


def render_csv(found: Sequence[Offer]) -> None:
    """Print offers as CSV with every field; money as digits, what a source does not state empty."""
    import csv
    import io

    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, list(Offer.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(offer_as_json(offer) for offer in found)
    for line in sheet.getvalue().splitlines():
        render.shell(line)


def render_aggregate(market: Market) -> None:
    """Print reference figures made of the market's offers, one provider after the other."""
    for provider in sorted({offer.provider for offer in market.offers}):
        for row in reference_rows(market, provider):
            render.text(json.dumps(row, ensure_ascii=False))


def _row(offer: Offer) -> list[str]:
    return [
        offer.cards,
        offer.provider,
        f"{offer.gpu_usd_per_hour:.3f}",
        f"{offer.gpu_usd_per_hour / offer.gpu_count:.3f}",
        "-" if offer.disk_gb is None else f"{offer.disk_gb:.0f} GB",
        "-" if offer.reliability is None else f"{offer.reliability:.1%}",
        "-" if offer.download_mbps is None else f"{offer.download_mbps:.0f} Mbit/s",
        offer.cuda_max or "-",
        place(offer),
    ]
