"""`cloudgpu render`: a plan's set-up for Compose, Docker, SkyPilot, dstack, Kubernetes and the vendors' own tools."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.plan.needs import (
    Adapter,
    AdapterRank,
    Concurrency,
    Context,
    EngineVersion,
    Gpu,
    Gpus,
    KvCacheDtype,
    Quantization,
    RopeScalingFactor,
    needs_of,
)

if TYPE_CHECKING:
    from cloudgpu.planning.needs import Needs
    from cloudgpu.planning.plan import Plan
    from cloudgpu.serving.render.setup import Setup


class Form(StrEnum):
    """The formats."""

    COMPOSE = "compose"
    DOCKER = "docker"
    VAST = "vast"
    RUNPOD = "runpod"
    SKYPILOT = "skypilot"
    DSTACK = "dstack"
    K8S = "k8s"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("render")(render_as)


def render_as(
    model: Annotated[str | None, typer.Argument(help="Alias, Hub id or folder; without it, the latest plan.")] = None,
    form: Annotated[Form, typer.Option("--as", help="The format.")] = Form.COMPOSE,
    plan: Annotated[Path | None, typer.Option(metavar="FILE", help="A plan that `cloudgpu plan --out` saved.")] = None,
    name: Annotated[str | None, typer.Option(help="The service's name; default: the model's short name.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; without it, stdout.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
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
    as_json: Annotated[bool, typer.Option("--json", help="The text and what it is for as JSON.")] = False,
) -> None:
    """Write the very set-up that `up` would rent in another tool's format. No network, and no secret in the text.

    The card is the cheapest that fits by the reference prices; --gpu and --gpus choose another one.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.cost.file import check_place, write
    from cloudgpu.serving.render import FORMS

    check_place(output, binary=False, force=force)
    needs = model and needs_of(
        model, context=context, concurrency=concurrency, quantization=quantization, kv_cache_dtype=kv_cache_dtype,
        rope_scaling_factor=rope_scaling_factor, adapter=adapter, adapter_rank=adapter_rank,
        engine_version=engine_version, gpu=gpu, gpus=gpus, region=None, min_reliability=0.0, unverified=True,
        hours="24", disk=None,
    )  # fmt: skip
    setup = _setup(_plan(needs or None, plan), name)
    text = FORMS[form.value](setup)
    if as_json:
        return render.out_json({"as": form, "model": setup.model, "gpu": setup.gpu, "gpu_count": setup.gpu_count,
                                "secrets": setup.secrets, "text": text})  # fmt: skip
    return write(text, output)


def _plan(needs: "Needs | None", path: Path | None) -> "Plan":
    """A plan on the reference offers for what was typed, else the one that was saved. Raises NothingFitsError."""
    from cloudgpu.base.clock import SystemClock
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.agreement import saved_plan
    from cloudgpu.cli.plan.refusal import nothing_fits
    from cloudgpu.cli.session import open_session
    from cloudgpu.planning.market import reference_market
    from cloudgpu.planning.plan import make_plan

    if needs is not None and path is not None:
        raise UsageError("a model and a plan were both given", hint="give one of them: the plan names its model")
    if needs is None:
        return saved_plan(open_session(), path)
    made = make_plan(needs, reference_market(), SystemClock().now())
    if not made.candidates:
        raise nothing_fits(made)
    return made


def _setup(plan: "Plan", name: str | None) -> "Setup":
    from cloudgpu.base.secret import Secret
    from cloudgpu.serving.launching import launch_of
    from cloudgpu.serving.render.setup import Setup

    candidate = plan.candidates[0]
    service = name or plan.needs.model.short_name
    launch = launch_of(plan, candidate, service=service, api_key=Secret("named, never written"))
    memory_mib = candidate.offer.gpu_memory_mib or 0
    return Setup(
        name=service, model=candidate.checkpoint, launch=launch, gpu=candidate.offer.gpu,
        gpu_count=candidate.offer.gpu_count, gpu_memory_gib=round(memory_mib / 1024), entrypoint=("vllm", "serve"),
    )  # fmt: skip
