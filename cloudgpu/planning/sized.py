"""The memory side of a fit: once for each (card, memory size, count), however many offers have it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers import Offer
from cloudgpu.sizing.gpus import GpuSpec, match_gpu
from cloudgpu.sizing.memory import MemoryEstimate, estimate, layout_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A card and count against the model. `gpu` None: unknown card; `memory` None: refused before any estimate."""

    gpu: GpuSpec | None
    layout_error: str | None = None
    hardware_error: str | None = None
    memory: MemoryEstimate | None = None
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
    def holds_cache(self) -> bool:
        """Whether the engine starts and the cache holds the context as many times as asked."""
        return self.memory is not None and self.memory.holds(self.concurrency)


def sizer(needs: Needs) -> Callable[[Offer], Sized]:
    """A function from offers to their memory side that estimates every distinct card and count once."""
    known: dict[tuple[str, int, int], Sized] = {}

    def sized(offer: Offer) -> Sized:
        key = (offer.gpu, offer.gpu_memory_mib, offer.gpu_count)
        if key not in known:
            known[key] = _size(needs, *key)
        return known[key]

    return sized


def _size(needs: Needs, gpu_name: str, memory_mib: int, gpu_count: int) -> Sized:
    gpu = match_gpu(gpu_name, memory_mib)
    if gpu is None:
        return Sized(gpu=None)
    options = replace(needs.options, tensor_parallel=gpu_count)
    split = layout_error(needs.model, gpu_count, quantization=options.quantization)
    hardware = options.profile().hardware_error(gpu, *_formats(needs))
    if split or hardware or gpu.vendor != "NVIDIA":
        return Sized(gpu=gpu, layout_error=split, hardware_error=hardware)
    memory = estimate(needs.model, gpu, options)
    return Sized(gpu=gpu, memory=memory, concurrency=options.concurrency)


def _formats(needs: Needs) -> tuple[str | None, str]:
    """Quantisation and number format as the engine will run them: AWQ and GPTQ kernels work in float16.

    A bfloat16 model is not taken to older cards: the engine would fall back to float16, with less range than it needs.
    """
    quantization = needs.options.quantization or needs.model.quantization
    if needs.options.dtype != "auto":
        return quantization, needs.options.dtype
    return quantization, "float16" if quantization in _FLOAT16_KERNELS else needs.model.dtype


_FLOAT16_KERNELS = frozenset({"awq", "gptq", "gptq-int8"})
