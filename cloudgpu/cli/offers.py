"""`cloudgpu offers`: what is on the market, before any model is thought of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudgpu.planning.offers import Market, Offer
    from cloudgpu.running.providers.base import OfferQuery

DISK_GB = 40
"""Offers with less disk than this serve no model."""


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("offers")(offers)


def offers(
    gpu: Annotated[str | None, typer.Option(help='Only this GPU, for example "RTX 4090".')] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Only machines with so many of them.")] = None,
    min_memory: Annotated[float | None, typer.Option(metavar="GIB", help="Least memory of all GPUs together.")] = None,
    max_price: Annotated[float | None, typer.Option(metavar="USD", help="Most dollars per hour for the GPUs.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Country code, EU, or part of a place's name.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="vast, runpod, emulator or emulator-runpod; repeatable. Default: those with a key."),
    ] = None,
    source: Annotated[Path | None, typer.Option("--offers", metavar="FILE", help="Offers from a file.")] = None,
    aggregate: Annotated[
        bool, typer.Option("--aggregate", help="Print reference figures (JSON lines) made of these offers.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many are shown.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="All of them as JSON.")] = False,
) -> None:
    """List offers by price: live ones with a key, else the reference prices (no network)."""
    # Everything below is imported only when the command runs: `--help` stays fast.
    from cloudgpu.cli.markets import check_providers, gather, market_time
    from cloudgpu.cli.offers_view import market_as_json, render_aggregate, render_market
    from cloudgpu.cli.option_values import finite, refuse_empty
    from cloudgpu.cli.session import open_session
    from cloudgpu.sizing.gpus import find_gpu

    refuse_empty(gpu=gpu, region=region)
    max_price, min_memory = finite(max_price, "--max-price", 10_000), finite(min_memory, "--min-memory", 100_000)
    name = find_gpu(gpu).name if gpu else None
    providers = check_providers(provider or ())
    session = open_session()
    now = market_time(session, providers)
    market = gather(session, providers, source, lambda: [_query(name, gpus)])
    if aggregate:
        return render_aggregate(market)
    found = select(market, gpu=name, gpus=gpus, min_gib=min_memory, max_usd=max_price, regions=region or ())
    if as_json:
        from cloudgpu.cli.render import out_json

        return out_json(market_as_json(market, found, max(now, market.fetched_at)))
    return render_market(market, found, limit, max(now, market.fetched_at))


def _query(gpu: str | None, gpus: int | None) -> "OfferQuery":
    from cloudgpu.running.providers.base import OfferQuery  # only live markets take a query

    return OfferQuery(disk_gb=DISK_GB, gpu_names=(gpu,) if gpu else None, gpu_counts=(gpus,) if gpus else None)


def select(
    market: "Market",
    *,
    gpu: str | None,
    gpus: int | None,
    min_gib: float | None,
    max_usd: float | None,
    regions: "Sequence[str]",
) -> "list[Offer]":
    """The offers that pass every filter, cheapest first."""
    from cloudgpu.planning.region import stands_in

    found = [
        offer
        for offer in market.offers
        if (gpu is None or offer.gpu == gpu)
        and (gpus is None or offer.gpu_count == gpus)
        and (min_gib is None or offer.gpu_memory_mib * offer.gpu_count >= min_gib * 1024)
        and (max_usd is None or offer.gpu_usd_per_hour <= max_usd)
        and (not regions or any(stands_in(offer, region) for region in regions))
    ]
    return sorted(found, key=lambda offer: (offer.gpu_usd_per_hour, offer.provider, offer.offer_id))
