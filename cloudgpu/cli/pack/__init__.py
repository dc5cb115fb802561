"""`cloudgpu pack`: several models on one card, or on a few."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudgpu.planning.offers.offer import Market
    from cloudgpu.sizing.pack import Budget, Home, Rentable


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("pack")(pack)


def pack(
    budget: Annotated[Path | None, typer.Argument(metavar="BUDGET", help="A YAML file; see --example.")] = None,
    gpu: Annotated[list[str] | None, typer.Option(help="These cards instead of the budget's; may be repeated.")] = None,
    offers: Annotated[Path | None, typer.Option(metavar="FILE", help="Prices from a file of offers.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many cheapest homes are shown.")] = 5,
    example: Annotated[bool, typer.Option("--example", help="Print an example that explains every key.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether several models fit a card together, what each must be given, and what is wrong with the budget."""
    # Everything below is imported only when the command runs: `--help` stays fast.
    from cloudgpu.base.data import data_dir
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.pack.view import as_document, show
    from cloudgpu.sizing import pack as packing
    from cloudgpu.sizing.gpus import find_gpu

    if example:
        return typer.echo((data_dir("templates") / "pack-example.yaml").read_text(encoding="utf-8"), nl=False)
    if budget is None:
        raise UsageError("no budget is named", hint="make one: cloudgpu pack --example > budget.yaml")
    wanted = packing.read_budget(budget)
    packed = packing.pack(wanted, [find_gpu(name) for name in gpu] if gpu else None)
    findings, (single, steps) = packing.findings_of(packed), packing.remedies_for(packed)
    homes, market = homes_for(wanted, offers, limit)
    if as_json:
        from cloudgpu.cli.render import out_json

        return out_json(as_document(packed, findings, single, steps, homes, market))
    return show(packed, findings, single, steps, homes, market)


def homes_for(budget: "Budget", offers: Path | None, limit: int) -> "tuple[list[Home], Market]":
    """(the cheapest cards or pairs that hold the budget, the market that priced them). No network."""
    from datetime import UTC, datetime

    from cloudgpu.planning.market import read_offers_file, reference_market
    from cloudgpu.sizing.pack import cheapest_homes

    market = read_offers_file(offers, datetime.now(UTC)) if offers else reference_market()
    return cheapest_homes(budget, rentables_in(market, download_gb_of(budget)), limit), market


def rentables_in(market: "Market", weights_gb: float) -> "Iterable[Rentable]":
    """Single cards and pairs of the market, priced all in: GPUs and the disk that images and weights need."""
    from cloudgpu.planning.disk import disk_gb_for, download_gb_for
    from cloudgpu.planning.needs import DEFAULT_HOURS
    from cloudgpu.planning.price import price_of
    from cloudgpu.sizing.gpus import match_gpu
    from cloudgpu.sizing.pack import Rentable

    disk_gb, download_gb = disk_gb_for(weights_gb), download_gb_for(weights_gb)
    for offer in market.offers:
        gpu = match_gpu(offer.gpu, offer.gpu_memory_mib)
        if gpu is not None and offer.gpu_count <= 2:
            price = price_of(offer, disk_gb=disk_gb, download_gb=download_gb, hours=DEFAULT_HOURS)
            yield Rentable(
                name=offer.cards,
                gpu=gpu,
                count=offer.gpu_count,
                usd_per_hour=price.total_usd_per_hour,
                provider=offer.provider,
            )


def download_gb_of(budget: "Budget") -> float:
    """GB of weights to download: every model once, in the format it is served in."""
    from cloudgpu.base.errors import UsageError

    total_gb = 0.0
    for entry in budget.entries:
        if entry.model is None:
            continue
        try:
            total_gb += entry.model.checkpoint(entry.quantization if entry.is_server else None).download_gb
        except UsageError:  # nobody publishes that format: the plain weights are fetched
            total_gb += entry.model.checkpoint(None).download_gb
    return total_gb
