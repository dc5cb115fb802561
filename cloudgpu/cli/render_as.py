"""`cloudgpu render`: a plan's set-up for Compose, Docker, SkyPilot, dstack, Kubernetes and the vendors' own tools."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.out_file import Force, check_place, write
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
from cloudgpu.cli.serving_options import Reasoning, TemplateName, TemplateSettings, Tools

if TYPE_CHECKING:
    from cloudgpu.base.errors import UsageError
    from cloudgpu.planning.needs import Needs
    from cloudgpu.planning.plan import Plan


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
    force: Force = False,
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
    nodes: Annotated[
        int | None, typer.Option(min=1, max=8, help="Like machines that serve together; default: as few as hold it.")
    ] = None,
    template: TemplateName = None,
    set_: TemplateSettings = None,
    tools: Tools = False,
    reasoning: Reasoning = False,
    as_json: Annotated[bool, typer.Option("--json", help="The text and what it is for as JSON.")] = False,
) -> None:
    """Write the very set-up that `up` would rent in another tool's format. No network, and no secret in the text.

    The card is the cheapest that fits by the reference prices; --gpu and --gpus choose another one. A model that no one
    machine holds is shared out over several, for the tools that rent fleets: skypilot, dstack, k8s.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.option_values import refuse_empty
    from cloudgpu.cli.template_choice import asked_of
    from cloudgpu.serving.render import FORMS
    from cloudgpu.serving.render.setup import setup_of

    refuse_empty(template=template)
    check_place(output, force=force)
    asked = asked_of(template, set_ or (), tools=tools, reasoning=reasoning)
    needs = model and needs_of(
        model, context=context, concurrency=concurrency, quantization=quantization, kv_cache_dtype=kv_cache_dtype,
        rope_scaling_factor=rope_scaling_factor, adapter=adapter, adapter_rank=adapter_rank,
        engine_version=engine_version, gpu=gpu, gpus=gpus, region=None, min_reliability=0.0, unverified=True,
        hours="24", disk=None,
    )  # fmt: skip
    setup = setup_of(_plan(needs or None, plan, form, nodes), name, asked)
    text = FORMS[form.value](setup)
    if as_json:
        return render.out_json({"as": form, "model": setup.model, "gpu": setup.gpu, "gpu_count": setup.gpu_count,
                                "nodes": setup.nodes, "secrets": setup.secrets, "text": text})  # fmt: skip
    return write(text, output)


def _plan(needs: "Needs | None", path: Path | None, form: Form, nodes: int | None) -> "Plan":
    """A plan on the reference offers for what was typed, else the one that was saved. Raises NothingFitsError."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.agreement import saved_plan
    from cloudgpu.cli.session import open_session

    if needs is not None and path is not None:
        raise UsageError("a model and a plan were both given", hint="give one of them: the plan names its model")
    if needs is None:
        if nodes:
            raise UsageError("a saved plan is of one machine", hint="name the model: cloudgpu render MODEL --nodes 2")
        return saved_plan(open_session(), path)
    if (nodes or 1) > 1:
        return _planned(needs, form, nodes or 1)
    return _planned(needs, form, 1, may_grow=nodes is None)


def _planned(needs: "Needs", form: Form, nodes: int, *, may_grow: bool = False) -> "Plan":
    """On so many machines; where one does not do, on as few as hold it together, for forms that can say so."""
    from cloudgpu.base.clock import SystemClock
    from cloudgpu.cli.plan.refusal import nothing_fits
    from cloudgpu.planning.market import reference_market
    from cloudgpu.planning.nodes import fewest_nodes, plan_on_nodes
    from cloudgpu.serving.render import ACROSS_MACHINES

    market, now = reference_market(), SystemClock().now()
    if nodes > 1 and form.value not in ACROSS_MACHINES:
        raise _one_machine(form)
    made = plan_on_nodes(needs, market, now, nodes)
    if not made.candidates and may_grow and form.value in ACROSS_MACHINES:
        made = fewest_nodes(needs, market, now) or made
    if not made.candidates:
        raise nothing_fits(made)
    return made


def _one_machine(form: Form) -> "UsageError":
    from cloudgpu.base.errors import UsageError

    return UsageError(
        f"{form.value} starts one machine, and several must share a network of their own",
        hint="write it for a tool that rents fleets: --as skypilot, dstack or k8s",
    )
