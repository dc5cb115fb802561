"""Memory and speed of a fit: once for each card, memory size, count and bandwidth, however many offers have them."""

from dataclasses import dataclass, replace

from cloudgpu.base.units import gib_from_mib
from cloudgpu.planning.fitting.requirements import least_memory_mib
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.sizing.gpus import GpuSpec, match_gpu
from cloudgpu.sizing.memory import MemoryEstimate, estimate, layout_error
from cloudgpu.sizing.memory.utilization import fitting_estimate
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.speed import SpeedEstimate, Workload, estimate_speed
from cloudgpu.sizing.speed.card import Measured
from cloudgpu.sizing.speed.workload import workload_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A card and count against the model. `gpu` None: unknown card; `memory` None: refused before any estimate.

    `floor_gib`: what the weights alone take of all cards together, where these have less; no estimate is made then.
    `gpu_memory_utilization` is the share of the card that the estimate rests on and the engine must be started with.
    """

    gpu: GpuSpec | None
    layout_error: str | None = None
    hardware_error: str | None = None
    floor_gib: float | None = None
    memory: MemoryEstimate | None = None
    gpu_memory_utilization: float = 0.0
    concurrency: int = 1

    @property
    def cache_gib(self) -> float:
        """GiB a GPU of cache for the context as many times as asked; 0 without an estimate."""
        return 0.0 if self.memory is None else self.memory.kv_needed_gib * self.concurrency

    @property
    def spare_gib(self) -> float:
        """GiB a GPU left over; below zero it does not fit, below the estimate's error band that is not certain."""
        return 0.0 if self.memory is None else self.memory.kv_cache_gib - self.cache_gib

    @property
    def needed_gib(self) -> float:
        """GiB a GPU that weights, working memory and the cache take together; 0 without an estimate."""
        return 0.0 if self.memory is None else self.memory.requested_gib - self.spare_gib

    @property
    def is_crowded(self) -> bool:
        """Whether graphs and the CUDA context, on top of the engine's share, find no room on the card."""
        return self.memory is not None and self.memory.starts and self.memory.used_gib > self.memory.total_gib

    @property
    def fits(self) -> bool:
        """Whether the engine starts, serves what is asked, and has room for its graphs."""
        return self.holds_cache and not self.is_crowded

    @property
    def holds_cache(self) -> bool:
        """Whether the engine starts and the cache holds the context as many times as asked."""
        return self.memory is not None and self.memory.holds(self.concurrency)


class Sizer:
    """What is the same for every offer, worked out once, and what was found so far: memory and speed of each card.

    Raises UsageError for requests longer than the context, and for an engine or number format that is not known.
    """

    def __init__(self, needs: Needs) -> None:
        self.needs = needs
        self.profile = needs.options.profile()
        self.workload = _workload(needs)
        self.machines = needs.options.pipeline_parallel
        self.floor_mib = least_memory_mib(needs.checkpoint()) // self.machines
        self.by_count: dict[int, tuple[ServingOptions, str | None]] = {}
        self.known: dict[tuple[str, int, int], Sized] = {}
        self.timed: dict[tuple[str, int, int, Measured], SpeedEstimate | None] = {}

    def sized(self, offer: Offer) -> Sized:
        """The memory of the model on the offer's cards."""
        key = (offer.gpu, offer.gpu_memory_mib, offer.gpu_count)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.size(*key)
        return found

    def speed(self, offer: Offer) -> SpeedEstimate | None:
        """The speed on the offer's cards, by what was measured on the machine where it tells."""
        measured = measured_on(offer)
        key = (offer.gpu, offer.gpu_memory_mib, offer.gpu_count, measured)
        if key not in self.timed:
            self.timed[key] = self._speed(self.sized(offer), offer.gpu_count, measured)
        return self.timed[key]

    def size(self, gpu_name: str, memory_mib: int, gpu_count: int) -> Sized:
        """The memory of the model on so many of these cards, worked out anew.

        Where CUDA graphs find no room beside the engine's default share, the estimate is that of the lower share with
        which they do.
        """
        gpu = match_gpu(gpu_name, memory_mib)
        if gpu is None:
            return Sized(gpu=None)
        options, split = self._split(gpu_count)
        hardware = self.profile.hardware_error(gpu, *_formats(self.needs))
        if split or hardware or gpu.vendor != "NVIDIA":
            return Sized(gpu=gpu, layout_error=split, hardware_error=hardware)
        if memory_mib * gpu_count < self.floor_mib * _CLEARLY_TOO_SMALL:
            return Sized(gpu=gpu, floor_gib=gib_from_mib(self.floor_mib))
        share = options.gpu_memory_utilization or self.profile.gpu_memory_utilization
        memory = estimate(self.needs.model, gpu, options)
        if memory.starts and memory.crowds_card:
            share, memory = fitting_estimate(self.needs.model, gpu, options, memory) or (share, memory)
        return Sized(gpu=gpu, memory=memory, gpu_memory_utilization=share, concurrency=options.concurrency)

    def _split(self, gpu_count: int) -> tuple[ServingOptions, str | None]:
        """The options for so many GPUs, and why the engine would refuse them."""
        if gpu_count not in self.by_count:
            options = replace(self.needs.options, tensor_parallel=gpu_count)
            error = layout_error(self.needs.model, gpu_count, self.machines, options.quantization)
            self.by_count[gpu_count] = options, error
        return self.by_count[gpu_count]

    def _speed(self, found: Sized, gpu_count: int, measured: Measured) -> SpeedEstimate | None:
        if found.gpu is None or found.memory is None or not found.memory.starts:
            return None
        options, _ = self._split(gpu_count)
        return estimate_speed(self.needs.model, found.gpu, options, self.workload, found.memory, measured)


_CLEARLY_TOO_SMALL = 0.75
"""Of the weights' least size: cards below it are refused without an estimate, nearer ones with exact figures."""

_BANDWIDTH_STEP_GB_PER_S = 10
"""Bandwidths are told apart no finer: a hundredth of a fast card's, far below the estimate's own error."""

_HOST_STEPS = (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Nor are links between cards, in GB/s: what is measured is taken for the nearest of these."""


def measured_on(offer: Offer) -> Measured:
    """What the offer measured, in steps: thousands of machines differ in the last digit. One card needs no link."""
    memory, host = offer.gpu_bandwidth_gb_per_s, offer.host_gb_per_s
    return Measured(
        memory_gb_per_s=None if memory is None else _memory_step(memory),
        host_gb_per_s=None if host is None or offer.gpu_count == 1 else _host_step(host),
    )


def _memory_step(gb_per_s: float) -> float:
    return float(max(1, round(gb_per_s / _BANDWIDTH_STEP_GB_PER_S)) * _BANDWIDTH_STEP_GB_PER_S)


def _host_step(gb_per_s: float) -> float:
    return min(_HOST_STEPS, key=lambda step: abs(step - gb_per_s))


def _workload(needs: Needs) -> Workload:
    options = needs.options
    limit, asked = options.context_for(needs.model.max_context), options.context_tokens is not None
    if needs.prompt_tokens or needs.output_tokens:
        limit = limit if asked else needs.model.max_context
    return workload_for(options.concurrency, needs.prompt_tokens, needs.output_tokens, limit, limit_is_given=asked)


def _formats(needs: Needs) -> tuple[str | None, str]:
    """Quantisation and number format as the engine will run them: AWQ and GPTQ kernels work in float16.

    A bfloat16 model is not taken to older cards: the engine would fall back to float16, with less range than it needs.
    """
    quantization = needs.options.quantization or needs.model.quantization
    if needs.options.dtype != "auto":
        return quantization, needs.options.dtype
    return quantization, "float16" if quantization in _FLOAT16_KERNELS else needs.model.dtype


_FLOAT16_KERNELS = frozenset({"awq", "gptq", "gptq-int8"})
