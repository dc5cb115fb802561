"""A model as `up` would start it on the machine that was named, else on the cheapest that fits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.secret import Secret
from cloudgpu.cli.plan.refusal import nothing_fits
from cloudgpu.planning.market import reference_market
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.plan import make_plan
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.profile import Profile, of_launch
from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION
from cloudgpu.sizing.gpus import match_gpu
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.options import ServingOptions

if TYPE_CHECKING:
    from cloudgpu.serving.template import Template

_SAME_SIZE = 0.1


def rendered_profile(
    model: ModelSpec, template: "Template | None", settings: Mapping[str, str], host: Host | None, version: str | None
) -> tuple[Profile, Host | None]:
    """What would serve it, and the machine; by the reference offers, without a network.

    `template` None: the package's for the model; `settings` are its variables; `host` None: the cheapest that fits.
    Raises NothingFitsError, and UsageError for what the template or the engine's release refuses.
    """
    plan = make_plan(_needs(model, host, version), reference_market(), SystemClock().now())
    candidate = next((each for each in plan.candidates if _is_that_large(each.offer, host)), None)
    if candidate is None:
        raise nothing_fits(plan)
    name = model.short_name
    asked, offer = Asked(template=template, variables=settings), candidate.offer
    launch = launch_of(plan, candidate, service=name, api_key=Secret("named, never written"), asked=asked)
    found = host_with(offer.gpu, offer.gpu_memory_mib, offer.gpu_count)
    profile = of_launch(name, launch, offer.gpu_count)
    return profile, replace(found, ram_gib=host.ram_gib) if found and host else found


def host_with(gpu: str, memory_mib: int | None, count: int) -> Host | None:
    """The machine of a deployment or an offer; None when its card is not in the catalogue."""
    found = match_gpu(gpu, memory_mib)
    return Host(gpu=found, count=count) if found else None


def _is_that_large(offer: Offer, host: Host | None) -> bool:
    """Whether its cards have the memory of those that were named: some are offered with twice their maker's."""
    if host is None or offer.gpu_memory_mib is None:
        return True
    return abs(offer.gpu_memory_mib - host.gpu.memory_mib) <= _SAME_SIZE * host.gpu.memory_mib


def _needs(model: ModelSpec, host: Host | None, version: str | None) -> Needs:
    return Needs(
        model=model,
        options=ServingOptions(engine_version=version or DEFAULT_VERSION),
        gpu=host.gpu.name if host else None,
        gpu_count=host.count if host else None,
        min_reliability=0.0,
        verified_only=False,
    )
