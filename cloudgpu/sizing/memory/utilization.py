"""Which share of the card leaves room for what the engine does not count: graphs, the CUDA context, other processes."""

from dataclasses import replace

from cloudgpu.sizing.engines import vllm
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory.estimate import estimate
from cloudgpu.sizing.memory.result import MemoryEstimate
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.options import ServingOptions


def fitting_utilization(
    model: ModelSpec, gpu: GpuSpec, options: ServingOptions, *, others_gib: float = 0.0
) -> float | None:
    """The `gpu_memory_utilization` with which the card serves the model; None when no share does.

    It is the share asked for (the engine's default when none is) or the nearest whole hundredth below it with which
    budget, CUDA graphs on top of it, CUDA context and `others_gib` of other processes fit the card together, graphs
    with what they may be off; where the cache then is too small, the nearest that fits without that margin (`tight`).

    A caller may rely on this: with the answer as `options.gpu_memory_utilization`, `estimate(...)` holds
    `options.concurrency` sequences of the context, and `used_gib + others_gib <= total_gib`. None also answers for
    engines other than vLLM, which settle their share themselves, and for a card that cannot run the format. Raises
    UsageError as `estimate` does; takes two to three estimates' time; touches neither network nor disk.
    """
    found = fitting_estimate(model, gpu, options, estimate(model, gpu, options), others_gib=others_gib)
    return None if found is None else found[0]


def fitting_estimate(
    model: ModelSpec, gpu: GpuSpec, options: ServingOptions, found: MemoryEstimate, *, others_gib: float = 0.0
) -> tuple[float, MemoryEstimate] | None:
    """The same share with its estimate, for whoever has `found` already, the estimate with the options as they are."""
    if options.engine != vllm.NAME:
        return None
    asked = options.gpu_memory_utilization or options.profile().gpu_memory_utilization
    for margin_gib in (_margin_gib(found), 0.0):
        share = min(asked, _highest(found, margin_gib + others_gib))
        if share <= 0:
            continue
        lower = estimate(model, gpu, replace(options, gpu_memory_utilization=share))
        if lower.holds(options.concurrency):
            return share, lower
    return None


def _margin_gib(found: MemoryEstimate) -> float:
    """What the graphs may be off; nothing where none come on top."""
    return 0.0 if found.cuda_graph_inside_budget else found.cuda_graph_band_gib


def _highest(found: MemoryEstimate, taken_gib: float) -> float:
    outside_gib = found.used_gib - found.requested_gib
    return int(100 * (found.total_gib - outside_gib - taken_gib) / found.total_gib) / 100
