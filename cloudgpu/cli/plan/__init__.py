"""`cloudgpu plan`: which card a model needs, and the cheapest offers that really fit."""

from pathlib import Path
from typing import Annotated

import typer

from cloudgpu.cli.out_file import Force, check_place
from cloudgpu.cli.plan.needs import (
    Adapter,
    AdapterRank,
    Concurrency,
    Context,
    Disk,
    EngineVersion,
    Gpu,
    Gpus,
    KvCacheDtype,
    MinReliability,
    Quantization,
    Region,
    RopeScalingFactor,
    Unverified,
    needs_of,
)


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("plan")(plan)


def plan(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Alias, Hugging Face id, folder or config.json.")],
    context: Context = None,
    concurrency: Concurrency = 1,
    quantization: Quantization = None,
    kv_cache_dtype: KvCacheDtype = "auto",
    rope_scaling_factor: RopeScalingFactor = None,
    adapter: Adapter = None,
    adapter_rank: AdapterRank = None,
    engine: Annotated[str, typer.Option(help="Inference engine.")] = "vllm",
    engine_version: EngineVersion = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="vast, runpod, docker, emulator or emulator-runpod; repeatable. Default: those with a key."),
    ] = None,
    gpu: Gpu = None,
    gpus: Gpus = None,
    max_price: Annotated[str | None, typer.Option(metavar="USD", help="Most dollars per hour, disk included.")] = None,
    objective: Annotated[
        str, typer.Option(metavar="WHAT", help="Rank by price, cost-per-token, time-to-ready or reliability.")
    ] = "price",
    max_wait: Annotated[
        float | None, typer.Option(min=1, metavar="MINUTES", help="Longest time until it answers, with caution.")
    ] = None,
    weights_cached: Annotated[
        bool, typer.Option("--weights-cached", help="Image and weights lie on the host already.")
    ] = False,
    min_tokens_per_s: Annotated[
        float | None, typer.Option(min=0, metavar="RATE", help="Output tokens a second at the concurrency, at least.")
    ] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="Prompt to judge speed by; default 1024.")] = None,
    output_tokens: Annotated[int | None, typer.Option(min=1, help="Answer to judge speed by; default 256.")] = None,
    region: Region = None,
    min_reliability: MinReliability = 0.9,
    unverified: Unverified = False,
    hours: Annotated[
        str, typer.Option(metavar="HOURS", help="How long it will run: the download is spread over it.")
    ] = "24",
    disk: Disk = None,
    offers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Offers from a file instead of a provider.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the markets without a key too, for what they show to anybody.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: plan on the reference prices.")] = False,
    spot: Annotated[bool, typer.Option("--spot", help="What a bid would save, and an interruption cost.")] = False,
    migrate_from: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The deployment it shall replace: both bill until it is given up."),
    ] = None,
    rollback_window: Annotated[
        float, typer.Option(min=0, metavar="MINUTES", help="With --migrate-from: how long a way back is kept.")
    ] = 60.0,
    explain: Annotated[
        str | None, typer.Option(metavar="OFFER_ID", help="The whole story of one offer, instead of a plan.")
    ] = None,
    why_not: Annotated[
        str | None, typer.Option(metavar="GPU", help="The whole story of one card, instead of a plan.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the plan there as well.")] = None,
    force: Force = False,
    limit: Annotated[int, typer.Option(min=1, help="How many offers are shown.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="The whole plan as JSON.")] = False,
) -> None:
    """Show what a model needs, and the cheapest offers that fit, with every cost in the price.

    Without keys it works on reference prices, without network. The plan is kept for `up` and `migrate`.
    """
    # Imported only when the command runs: `--help` stays fast.
    from cloudgpu.cli.markets import reach_of
    from cloudgpu.cli.plan.replaced import old_side
    from cloudgpu.cli.plan.run import Shown, run

    check_place(out, force=force)
    old_usd, in_its_place = (None, ()) if migrate_from is None else old_side(migrate_from)
    needs = needs_of(
        model, context=context, concurrency=concurrency, quantization=quantization, kv_cache_dtype=kv_cache_dtype,
        rope_scaling_factor=rope_scaling_factor, adapter=adapter, adapter_rank=adapter_rank, engine=engine,
        engine_version=engine_version, provider=provider or in_its_place, gpu=gpu, gpus=gpus, max_price=max_price,
        objective=objective, max_wait=max_wait, weights_cached=weights_cached, min_tokens_per_s=min_tokens_per_s,
        prompt_tokens=prompt_tokens, output_tokens=output_tokens, region=region, min_reliability=min_reliability,
        unverified=unverified, hours=hours, disk=disk,
        old_usd_per_hour=old_usd, rollback_window=0.0 if migrate_from is None else rollback_window,
    )  # fmt: skip
    shown = Shown(out=out, limit=limit, as_json=as_json, spot=spot, explain=explain, why_not=why_not)
    return run(needs, shown, offers=offers, reach=reach_of(live=live, offline=offline))
