"""`cloudgpu up`: rent the cheapest offer that fits and wait until it answers. SPENDS MONEY."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.planning.needs import Needs


_MOST_USD_PER_HOUR, _MOST_USD, _MOST_WAIT_MINUTES = 10_000, 1_000_000, 60 * 24 * 7


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("up")(up)


def up(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Alias, Hub id or folder; without it, the plan that was made last."),
    ] = None,
    plan: Annotated[Path | None, typer.Option(metavar="FILE", help="A plan that `cloudgpu plan --out` saved.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="vast or runpod; emulator or emulator-runpod to rehearse without a key.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name; default: the model's short name.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the price beforehand.")] = False,
    max_price: Annotated[
        str | None, typer.Option(metavar="USD", help="Most dollars per hour; default: 5 % above the price shown.")
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=1, help="Longest wait for one machine to answer.")
    ] = None,
    max_attempts: Annotated[int, typer.Option(min=1, help="Machines to try before giving up.")] = 3,
    max_spend: Annotated[
        str | None, typer.Option(metavar="USD", help="Most dollars before one answers, all attempts together.")
    ] = None,
    context: Annotated[int | None, typer.Option(min=1, help="Tokens of context.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests of full context at once.")] = 1,
    quantization: Annotated[str | None, typer.Option(help="fp8, awq or gptq; default: as published.")] = None,
    kv_cache_dtype: Annotated[str, typer.Option(help="Number format of the KV cache.")] = "auto",
    adapter: Annotated[str | None, typer.Option(help="A LoRA adapter to serve as well.")] = None,
    adapter_rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter; default 16.")] = None,
    engine_version: Annotated[str | None, typer.Option(help="The engine's release.")] = None,
    gpu: Annotated[str | None, typer.Option(help='Only this GPU, for example "RTX 4090".')] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Only machines with so many of them.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Country code, EU, or part of a place's name.")] = None,
    min_reliability: Annotated[float, typer.Option(min=0, max=1, help="Of the host, 0 to 1.")] = 0.9,
    unverified: Annotated[bool, typer.Option("--unverified", help="Allow hosts that are not verified.")] = False,
    hours: Annotated[str, typer.Option(metavar="HOURS", help="Its lease: how long it is meant to live.")] = "24",
    disk: Annotated[int | None, typer.Option(min=8, metavar="GB", help="Disk; default: what is needed.")] = None,
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
    from cloudgpu.cli.option_values import finite, refuse_empty
    from cloudgpu.cli.up_run import Wish, run

    refuse_empty(name=name, provider=provider)
    needs = model and _needs(
        model, context, concurrency, quantization, kv_cache_dtype, adapter, adapter_rank, engine_version, gpu, gpus,
        region, min_reliability, unverified, hours, disk,
    )  # fmt: skip
    wish = Wish(
        needs=needs or None, plan=plan, provider=provider, name=name, yes=yes,
        max_price=_usd(max_price, "--max-price", _MOST_USD_PER_HOUR),
        max_wait_minutes=finite(max_wait, "--max-wait", _MOST_WAIT_MINUTES), max_attempts=max_attempts,
        max_spend=_usd(max_spend, "--max-spend", _MOST_USD),
        send_hf_token=send_hf_token, show_key=show_key, as_json=as_json,
    )  # fmt: skip
    run(wish)


def _needs(  # one argument an option: they come straight from the command line
    model: str, context: int | None, concurrency: int, quantization: str | None, kv_cache_dtype: str,
    adapter: str | None, adapter_rank: int | None, engine_version: str | None, gpu: str | None, gpus: int | None,
    region: list[str] | None, min_reliability: float, unverified: bool, hours: str, disk: int | None,
) -> "Needs":  # fmt: skip
    from cloudgpu.cli.option_values import lora_rank_of, positive, refuse_empty
    from cloudgpu.cli.plan import asked_name
    from cloudgpu.planning.needs import Needs
    from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION
    from cloudgpu.sizing.gpus import find_gpu
    from cloudgpu.sizing.options import ServingOptions
    from cloudgpu.sizing.weighed import find_model

    refuse_empty(gpu=gpu, adapter=adapter, region=region, engine_version=engine_version, quantization=quantization)
    options = ServingOptions(
        context_tokens=context, concurrency=concurrency, quantization=quantization, kv_cache_dtype=kv_cache_dtype,
        lora_rank=lora_rank_of(adapter, adapter_rank), engine_version=engine_version or DEFAULT_VERSION,
    )  # fmt: skip
    return Needs(
        model=find_model(model), asked=asked_name(model), options=options,
        hours=positive(hours, "--hours"), disk_gb=disk, gpu=find_gpu(gpu).name if gpu else None,
        gpu_count=gpus, regions=tuple(region or ()),
        min_reliability=min_reliability, verified_only=not unverified, adapter=adapter,
    )  # fmt: skip


def _usd(text: str | None, option: str, most: int) -> Decimal | None:
    """An amount from the command line, exactly; None when it was not given."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.option_values import positive

    amount = None if text is None else positive(text, option)
    if amount is not None and amount > most:
        raise UsageError(f"{option} must be {most} dollars at most, not {text}", hint=f"for example {option} 1.50")
    return amount
