"""`cloudgpu up`: rent the cheapest offer that fits and wait until it answers. SPENDS MONEY."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

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
from cloudgpu.cli.serving_options import Reasoning, TemplateName, TemplateSettings, Tools

_MOST_USD_PER_HOUR, _MOST_WAIT_MINUTES = 10_000, 60 * 24 * 7
_OF_THE_PLAN = (
    "context", "concurrency", "quantization", "kv_cache_dtype", "rope_scaling_factor", "adapter", "adapter_rank",
    "engine_version", "gpu", "gpus", "region", "min_reliability", "unverified", "hours", "disk",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("up")(up)


def up(
    typed: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Alias, Hub id or folder; without it, the plan that was made last."),
    ] = None,
    plan: Annotated[Path | None, typer.Option(metavar="FILE", help="A plan that `cloudgpu plan --out` saved.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            help="vast or runpod; docker: your own machine; emulator or emulator-runpod to rehearse without a key. "
            "Given twice: the second when the first fails. Default: wherever there is a key."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name; default: the model's short name.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the price beforehand.")] = False,
    max_price: Annotated[
        str | None,
        typer.Option(
            metavar="USD", help="Most dollars per hour; default: as shown, 5 % above the dearest it may fall back to."
        ),
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=1, help="Longest wait for one machine to answer.")
    ] = None,
    max_attempts: Annotated[int, typer.Option(min=1, help="Machines to try before giving up.")] = 3,
    max_spend: Annotated[
        str | None, typer.Option(metavar="USD", help="Most dollars before one answers, all attempts together.")
    ] = None,
    hedge: Annotated[
        int, typer.Option(metavar="N", min=1, max=8, help="Start N machines at once, keep the first that answers.")
    ] = 1,
    ttl: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ends by itself after so long, e.g. 8h: see cloudgpu watch.")
    ] = None,
    idle_stop: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ends by itself after so long without work, e.g. 30m.")
    ] = None,
    dead_man: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="A timer inside the instance ends it so long after its start, e.g. 24h."),
    ] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Bid for an interruptible machine (Vast.ai).")] = False,
    bid: Annotated[
        str | None, typer.Option(metavar="USD", help="With --spot: bid so much an hour; default: the least that wins.")
    ] = None,
    context: Context = None,
    concurrency: Concurrency = 1,
    quantization: Quantization = None,
    kv_cache_dtype: KvCacheDtype = "auto",
    rope_scaling_factor: RopeScalingFactor = None,
    adapter: Adapter = None,
    adapter_rank: AdapterRank = None,
    engine_version: EngineVersion = None,
    gpu: Gpu = None,
    gpus: Gpus = None,
    region: Region = None,
    min_reliability: MinReliability = 0.9,
    unverified: Unverified = False,
    hours: Annotated[str, typer.Option(metavar="HOURS", help="Its lease: how long it is meant to live.")] = "24",
    disk: Disk = None,
    template: TemplateName = None,
    set_: TemplateSettings = None,
    tools: Tools = False,
    reasoning: Reasoning = False,
    send_hf_token: Annotated[
        bool, typer.Option("--send-hf-token", help="Send HF_TOKEN to the rented machine (gated models).")
    ] = False,
    show_key: Annotated[bool, typer.Option("--show-key", help="Print the endpoint's key at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The deployment as JSON.")] = False,
) -> None:
    """Rent the cheapest offer that fits, wait until the model answers, and say where.

    Shows the price and asks before any money is spent. Whatever fails, what was rented is removed again; Ctrl-C too.
    """
    # Everything below is imported only when the command runs: `--help` stays fast.
    from cloudgpu.cli.option_values import MOST_USD, finite, refuse_empty, seconds
    from cloudgpu.cli.template_choice import asked_of
    from cloudgpu.cli.up.run import run
    from cloudgpu.cli.up.stops import Wish

    refuse_empty(name=name, provider=provider, template=template)
    _refuse_what_the_plan_says(typed, model)
    _refuse_bid_without_spot(bid, spot=spot)
    needs = model and needs_of(
        model, context=context, concurrency=concurrency, quantization=quantization, kv_cache_dtype=kv_cache_dtype,
        rope_scaling_factor=rope_scaling_factor, adapter=adapter, adapter_rank=adapter_rank,
        engine_version=engine_version, gpu=gpu, gpus=gpus, region=region, min_reliability=min_reliability,
        unverified=unverified, hours=hours, disk=disk,
    )  # fmt: skip
    wish = Wish(
        needs=needs or None, plan=plan, providers=tuple(provider or ()), name=name, yes=yes,
        max_price=_usd(max_price, "--max-price", _MOST_USD_PER_HOUR),
        max_wait_minutes=finite(max_wait, "--max-wait", _MOST_WAIT_MINUTES), max_attempts=max_attempts,
        max_spend=_usd(max_spend, "--max-spend", MOST_USD),
        send_hf_token=send_hf_token, show_key=show_key, as_json=as_json, hedge=hedge,
        ttl_s=seconds(ttl, "--ttl"), idle_stop_s=seconds(idle_stop, "--idle-stop"),
        dead_man_s=seconds(dead_man, "--dead-man"), spot=spot,
        bid=_usd(bid, "--bid", _MOST_USD_PER_HOUR),
        asked=asked_of(template, set_ or (), tools=tools, reasoning=reasoning),
    )  # fmt: skip
    run(wish)


def _refuse_what_the_plan_says(typed: typer.Context, model: str | None) -> None:
    """Without a model a saved plan says what is rented: what was typed beside it must not be passed over."""
    from cloudgpu.base.errors import UsageError

    if model is not None and not model.strip():
        raise UsageError("the model is empty", hint="name one, or leave it out for the plan that was made last")
    for name in () if model else _OF_THE_PLAN:
        source = typed.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} was given, but no model, and the saved plan says that already",
                hint=f"name the model: cloudgpu up MODEL {option} …, or plan it anew: cloudgpu plan MODEL {option} …",
            )


def _refuse_bid_without_spot(bid: str | None, *, spot: bool) -> None:
    from cloudgpu.base.errors import UsageError

    if bid is not None and not spot:
        raise UsageError("a bid is for an interruptible machine", hint="add --spot, or leave --bid out")


def _usd(text: str | None, option: str, most: int) -> Decimal | None:
    """An amount from the command line, exactly; None when it was not given."""
    from cloudgpu.cli.option_values import positive, within_reason

    return None if text is None else within_reason(positive(text, option), option, most)
