"""`cloudgpu offers`: what is on the market, before any model is thought of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloudgpu.cli.out_file import Force, check_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudgpu.planning.offers.offer import Market, Offer
    from cloudgpu.running.providers.base import OfferQuery

DISK_GB = 40
"""Offers with less disk than this serve no model."""


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("offers")(offers)


def offers(
    action: Annotated[
        str | None,
        typer.Argument(
            metavar="[record|blocked|block|unblock]",
            help="record: write a dated snapshot of these offers to a file. blocked: show the machines that are left"
            " alone. block, unblock: put a MACHINE on that list, or take it off.",
        ),
    ] = None,
    machine: Annotated[
        str | None, typer.Argument(metavar="[MACHINE]", help="For block and unblock: its number, or all.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help='Only this GPU, for example "RTX 4090".')] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Only machines with so many of them.")] = None,
    min_memory: Annotated[float | None, typer.Option(metavar="GIB", help="Least memory of all GPUs together.")] = None,
    max_price: Annotated[float | None, typer.Option(metavar="USD", help="Most dollars per hour for the GPUs.")] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Hosts that are not verified too, and RunPod's community cloud.")
    ] = False,
    region: Annotated[list[str] | None, typer.Option(help="Country code, EU, or part of a place's name.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="vast, runpod, emulator or emulator-runpod; repeatable. Default: those with a key."),
    ] = None,
    source: Annotated[Path | None, typer.Option("--offers", metavar="FILE", help="Offers from a file.")] = None,
    aggregate: Annotated[
        bool, typer.Option("--aggregate", help="Print reference figures (JSON lines) made of these offers.")
    ] = False,
    sort: Annotated[
        str, typer.Option(help="price, price-per-gpu, price-per-gib, reliability, download or disk.")
    ] = "price",
    limit: Annotated[int, typer.Option(min=1, help="How many are shown.")] = 20,
    live: Annotated[bool, typer.Option("--live", help="Ask the markets without a key too.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: the reference prices.")] = False,
    watch: Annotated[
        int | None, typer.Option(min=10, metavar="SECONDS", help="Show them again every so often, until Ctrl-C.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where `record` writes to.")] = None,
    force: Force = False,
    why: Annotated[str, typer.Option(help="For block: what is wrong with it.")] = "blocked by hand",
    days: Annotated[float, typer.Option(min=0.01, max=3650, help="For block: for how long.")] = 7,
    as_csv: Annotated[bool, typer.Option("--csv", help="All of them as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of them as JSON.")] = False,
) -> None:
    """List offers by price: live ones with a key, else the reference prices (no network)."""
    # Everything below is imported only when the command runs: `--help` stays fast.
    from cloudgpu.cli.markets import check_providers, gather, market_time, reach_of
    from cloudgpu.cli.offers.view import market_as_json, render_aggregate, render_csv, render_market
    from cloudgpu.cli.option_values import finite, refuse_empty
    from cloudgpu.cli.render import out_json
    from cloudgpu.cli.session import open_session
    from cloudgpu.sizing.gpus import find_gpu

    check_place(out, force=force)
    refuse_empty(gpu=gpu, region=region)
    max_price, min_memory = finite(max_price, "--max-price", 10_000), finite(min_memory, "--min-memory", 100_000)
    name = find_gpu(gpu).name if gpu else None
    providers = check_providers(provider or ())
    session, reach = open_session(), reach_of(live=live, offline=offline)
    check_action(action, machine, sort)
    if action in _LIST_ACTIONS:
        from cloudgpu.cli.offers.blocked import act

        return act(session, action or "", machine, providers, why=why, days=days, as_json=as_json)

    def once() -> None:
        now = market_time(session, providers)
        market = gather(session, providers, source, lambda: [_query(name, gpus, verified_only=not unverified)], reach)
        found = select(market, gpu=name, gpus=gpus, min_gib=min_memory, max_usd=max_price, regions=region or (),
                       sort=sort)  # fmt: skip
        if action == "record":
            return record(market, found, out)
        if aggregate:
            return render_aggregate(market)
        if as_json:
            return out_json(market_as_json(market, found, max(now, market.fetched_at)))
        if as_csv:
            return render_csv(found)
        return render_market(market, found, limit, max(now, market.fetched_at), sort)

    once()
    while watch:
        session.clock("vast").sleep(watch)
        once()
    return None


def check_action(action: str | None, machine: str | None, sort: str) -> None:
    """Raise UsageError for a word that is none of the actions, a machine too many or missing, and an unknown order."""
    from cloudgpu.base.errors import UsageError

    if action not in (None, "record", *_LIST_ACTIONS):
        raise UsageError(f"there is no `cloudgpu offers {action}`", hint="one of record, " + ", ".join(_LIST_ACTIONS))
    if (machine is not None) != (action in _ON_A_MACHINE):
        what = f"`cloudgpu offers {action}` takes no machine" if machine else f"which machine to {action}?"
        raise UsageError(what, hint="machines have the numbers that `cloudgpu offers --json` gives as machine_id")
    if sort not in _ORDERS:
        raise UsageError(f"offers cannot be sorted by {sort!r}", hint="one of " + ", ".join(_ORDERS))


_ON_A_MACHINE = ("block", "unblock")
_LIST_ACTIONS = ("blocked", *_ON_A_MACHINE)


def record(market: "Market", found: "Sequence[Offer]", out: Path | None) -> None:
    """Write these offers of a market as a dated snapshot, and say where. Raises NothingFitsError for none."""
    from dataclasses import replace

    from cloudgpu.base.errors import NothingFitsError
    from cloudgpu.cli import render
    from cloudgpu.planning.snapshot import save_snapshot

    if not found:
        raise NothingFitsError("there is no offer to record", hint="ask for more: fewer filters, another --provider")
    path = out or Path(f"offers-{market.fetched_at:%Y-%m-%dT%H%M%SZ}.jsonl")
    save_snapshot(replace(market, offers=tuple(found)), path)
    render.text(f"{len(found)} offers of {market.fetched_at:%Y-%m-%d %H:%M} UTC written to {path}")
    render.note(f"Plan on them: cloudgpu plan MODEL --offers {path}")


def _query(gpu: str | None, gpus: int | None, *, verified_only: bool) -> "OfferQuery":
    from cloudgpu.running.providers.base import OfferQuery  # only live markets take a query

    return OfferQuery(
        disk_gb=DISK_GB,
        gpu_names=(gpu,) if gpu else None,
        gpu_counts=(gpus,) if gpus else None,
        verified_only=verified_only,
    )


def select(
    market: "Market",
    *,
    gpu: str | None,
    gpus: int | None,
    min_gib: float | None,
    max_usd: float | None,
    regions: "Sequence[str]",
    sort: str = "price",
) -> "list[Offer]":
    """The offers that pass every filter, in that order (best first); cheapest first where it leaves a tie."""
    from cloudgpu.planning.offers.region import stands_in

    found = [
        offer
        for offer in market.offers
        if (gpu is None or offer.gpu == gpu)
        and (gpus is None or offer.gpu_count == gpus)
        and (min_gib is None or offer.gpu_memory_mib * offer.gpu_count >= min_gib * 1024)
        and (max_usd is None or offer.gpu_usd_per_hour <= max_usd)
        and (not regions or any(stands_in(offer, region) for region in regions))
    ]
    order = _ORDERS[sort]
    return sorted(found, key=lambda offer: (order(offer), offer.gpu_usd_per_hour, offer.provider, offer.offer_id))


_ORDERS: "dict[str, Callable[[Offer], Any]]" = {
    "price": lambda offer: offer.gpu_usd_per_hour,
    "price-per-gpu": lambda offer: offer.gpu_usd_per_hour / offer.gpu_count,
    "price-per-gib": lambda offer: offer.gpu_usd_per_hour / (offer.gpu_memory_mib * offer.gpu_count),
    "reliability": lambda offer: -(offer.reliability or 0.0),
    "download": lambda offer: -(offer.download_mbps or 0.0),
    "disk": lambda offer: -(offer.disk_gb or 0.0),
}
