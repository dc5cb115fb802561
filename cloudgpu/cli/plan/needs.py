"""What is asked of a deployment, as options: the same words, checks and defaults wherever they may be typed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from cloudgpu.planning.needs import Needs
    from cloudgpu.planning.objective import Objective
    from cloudgpu.sizing.options import ServingOptions

Context = Annotated[
    int | None,
    typer.Option(min=1, help="Tokens of context, by YaRN beyond the model's own; default: its own, 8192 at most."),
]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests of full context at once.")]
Quantization = Annotated[str | None, typer.Option(help="fp8, awq or gptq; default: as published.")]
KvCacheDtype = Annotated[str, typer.Option(help="Number format of the KV cache.")]
RopeScalingFactor = Annotated[
    float | None, typer.Option(help="YaRN's factor; default: the config's, or what the context needs.")
]
Adapter = Annotated[str | None, typer.Option(help="A LoRA adapter to serve as well.")]
AdapterRank = Annotated[int | None, typer.Option(min=1, help="Rank of the adapter; default 16.")]
EngineVersion = Annotated[str | None, typer.Option(help="The engine's release; default: the one we measured.")]
Gpu = Annotated[str | None, typer.Option(help='Only this GPU, for example "RTX 4090".')]
Gpus = Annotated[int | None, typer.Option(min=1, help="Only machines with so many of them.")]
Region = Annotated[list[str] | None, typer.Option(help="Country code, EU, or part of a place's name; may be repeated.")]
MinReliability = Annotated[float, typer.Option(min=0, max=1, help="Of the host, 0 to 1.")]
Unverified = Annotated[bool, typer.Option("--unverified", help="Allow hosts that are not verified.")]
Disk = Annotated[int | None, typer.Option(min=8, metavar="GB", help="Disk; default: what is needed.")]


def needs_of(
    model: str, *, context: int | None, concurrency: int, quantization: str | None, kv_cache_dtype: str,
    rope_scaling_factor: float | None, adapter: str | None, adapter_rank: int | None, engine_version: str | None,
    gpu: str | None, gpus: int | None, region: "Sequence[str] | None", min_reliability: float, unverified: bool,
    hours: str, disk: int | None, engine: str = "vllm", provider: "Sequence[str]" = (), max_price: str | None = None,
    objective: str = "price", min_tokens_per_s: float | None = None, prompt_tokens: int | None = None,
    output_tokens: int | None = None, max_wait: float | None = None, weights_cached: bool = False,
    old_usd_per_hour: "Decimal | None" = None, rollback_window: float = 0.0,
) -> "Needs":  # fmt: skip
    """The needs as they were typed; `max_wait` and `rollback_window` are minutes, `old_usd_per_hour` what is replaced.

    The Hub is asked only for a model that the catalogue does not know.

    Raises UsageError, and UnknownModelError or UnknownGpuError for names that nothing has.
    """
    # Imported only when a command runs: `--help` stays fast.
    from cloudgpu.cli.markets import check_providers
    from cloudgpu.cli.option_values import positive, refuse_empty
    from cloudgpu.planning.needs import Needs
    from cloudgpu.sizing.engines import canonical_engine, llamacpp
    from cloudgpu.sizing.gpus import find_gpu
    from cloudgpu.sizing.weighed import find_model

    refuse_empty(gpu=gpu, adapter=adapter, region=region, engine_version=engine_version, quantization=quantization)
    found = find_model(model)
    asked = found.asked_format(quantization)
    if quantization is None and canonical_engine(engine) == llamacpp.NAME:
        asked = found.usual_format(llamacpp.FORMATS)
    return Needs(
        model=found,
        asked=asked_name(model),
        options=_options(
            context, concurrency, asked, kv_cache_dtype, rope_scaling_factor, engine,
            engine_version, adapter, adapter_rank,
        ),
        hours=positive(hours, "--hours"),
        disk_gb=disk,
        gpu=find_gpu(gpu).name if gpu else None,
        gpu_count=gpus,
        providers=check_providers(provider),
        max_usd_per_hour=None if max_price is None else positive(max_price, "--max-price"),
        regions=tuple(region or ()),
        min_reliability=min_reliability,
        verified_only=not unverified,
        adapter=adapter,
        objective=_objective(objective),
        min_tokens_per_s=min_tokens_per_s,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        max_wait_s=None if max_wait is None else max_wait * 60,
        weights_cached=weights_cached,
        old_usd_per_hour=old_usd_per_hour,
        rollback_window_s=rollback_window * 60,
    )  # fmt: skip


def asked_name(model: str) -> str:
    """How a plan file finds the model again: what was typed, a path made absolute."""
    path = Path(model)
    return str(path.resolve()) if path.exists() else model


def _options(
    context: int | None, concurrency: int, quantization: str | None, kv_cache_dtype: str,
    rope_scaling_factor: float | None, engine: str, engine_version: str | None, adapter: str | None,
    adapter_rank: int | None,
) -> "ServingOptions":  # fmt: skip
    from cloudgpu.cli.option_values import lora_rank_of
    from cloudgpu.sizing.engines import engine_profile
    from cloudgpu.sizing.options import ServingOptions

    profile = engine_profile(engine, engine_version)
    return ServingOptions(
        context_tokens=context,
        concurrency=concurrency,
        quantization=quantization,
        kv_cache_dtype=kv_cache_dtype,
        rope_scaling_factor=rope_scaling_factor,
        engine=profile.name,
        engine_version=profile.version,
        lora_rank=lora_rank_of(adapter, adapter_rank),
    )


def _objective(text: str) -> "Objective":
    from cloudgpu.base.errors import UsageError
    from cloudgpu.planning.objective import Objective

    if text not in tuple(Objective):
        raise UsageError(f"there is no objective {text!r}", hint="one of " + ", ".join(Objective))
    return Objective(text)
