"""What one entry takes of one card."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory import MemoryEstimate, estimate
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.pack.budget import OTHER, Entry
from cloudgpu.sizing.pack.in_process import in_process_demand

GRAPH_AND_CONTEXT_BAND_GIB = 0.4
"""A server's own share is exact; CUDA graphs outside of it and the CUDA context were seen 0.3 and 0.1 GiB off."""
STATED_BAND_SHARE = 0.1
"""A size that the user states is taken to be right to a tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """GiB of one card that an entry takes under full load, by what for. They add up to `used_gib`.

    `margin_gib` is the part of a server's share that its estimate's error may need. `share` is the
    gpu_memory_utilization that the server must be given, None for other programs. `band_gib` is how far `used_gib` may
    be off; `idle_gib` what is taken before the first request. `refusal` says why it cannot run there at all.
    """

    weights_gib: float
    workspace_gib: float
    cache_gib: float
    context_gib: float
    margin_gib: float = 0.0
    share: float | None = None
    band_gib: float
    idle_gib: float
    refusal: str | None = None
    memory: MemoryEstimate | None = None

    @property
    def used_gib(self) -> float:
        """All of it."""
        return self.weights_gib + self.workspace_gib + self.cache_gib + self.context_gib + self.margin_gib

    def without_context(self) -> "Demand":
        """The same inside a program whose CUDA context another entry already counts."""
        return replace(self, context_gib=0.0, idle_gib=self.idle_gib - self.context_gib)


@lru_cache(maxsize=65536)
def _demand(key: "_Key") -> Demand:
    entry, gpu = key.entry, key.gpu
    if entry.engine == OTHER:
        band_gib = STATED_BAND_SHARE * entry.memory_gib
        return Demand(
            weights_gib=entry.memory_gib, workspace_gib=0.0, cache_gib=0.0, context_gib=0.0,
            band_gib=band_gib, idle_gib=entry.memory_gib,
        )  # fmt: skip
    if entry.is_server:
        return _sharing_demand(entry, gpu) if entry.takes_share else _growing_demand(entry, gpu)
    parts = in_process_demand(entry, gpu)
    return Demand(
        weights_gib=parts.weights_gib,
        workspace_gib=parts.workspace_gib,
        cache_gib=parts.cache_gib,
        context_gib=parts.context_gib,
        band_gib=parts.band_gib,
        idle_gib=parts.weights_gib + parts.context_gib,
        refusal=parts.refusal,
    )


def demand_of(entry: Entry, gpu: GpuSpec) -> Demand:
    """What the entry takes of that card (of each of its cards when it is shared out).

    Raises UsageError for options that contradict each other or the model.
    """
    return _demand(_Key(entry, gpu))


class _Key:
    """Entries hold mappings and cannot be hashed by value: one object is one key, and a copy is another."""

    __slots__ = ("entry", "gpu")

    def __init__(self, entry: Entry, gpu: GpuSpec) -> None:
        self.entry, self.gpu = entry, gpu

    def __hash__(self) -> int:
        return hash((id(self.entry), self.gpu.name, self.gpu.total_gib))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.entry is other.entry and self.gpu == other.gpu


def _growing_demand(entry: Entry, gpu: GpuSpec) -> Demand:
    """A server that takes what it needs: its weights and the cache of all its slots at once, when it starts."""
    memory = _estimate(entry, gpu, None)
    needed_gib = _needed_gib(memory, entry.concurrency)
    used_gib = needed_gib + memory.cuda_context_gib
    return Demand(
        weights_gib=memory.weights_gib,
        workspace_gib=memory.activation_peak_gib + memory.non_torch_gib,
        cache_gib=memory.kv_needed_gib * entry.concurrency,
        context_gib=memory.cuda_context_gib,
        band_gib=memory.error_band_gib,
        idle_gib=used_gib,
        refusal=_refusal(memory, needed_gib, memory.total_gib),
        memory=memory,
    )


def _sharing_demand(entry: Entry, gpu: GpuSpec) -> Demand:
    """The least share in which the server starts with its context and concurrency, its error band on top."""
    memory = _estimate(entry, gpu, entry.gpu_memory_utilization)
    needed_gib = _needed_gib(memory, entry.concurrency)
    share = entry.gpu_memory_utilization or _up((needed_gib + memory.error_band_gib) / memory.total_gib)
    memory = _estimate(entry, gpu, min(share, 1.0))
    outside_gib = 0.0 if memory.cuda_graph_inside_budget else memory.cuda_graph_gib
    inside_gib = memory.cuda_graph_gib - outside_gib
    workspace_gib = memory.activation_peak_gib + memory.non_torch_gib + inside_gib + outside_gib
    cache_gib = memory.kv_needed_gib * entry.concurrency
    claimed_gib = share * memory.total_gib
    return Demand(
        weights_gib=memory.weights_gib,
        workspace_gib=workspace_gib,
        cache_gib=cache_gib,
        context_gib=memory.cuda_context_gib,
        margin_gib=claimed_gib - needed_gib,
        share=share,
        band_gib=GRAPH_AND_CONTEXT_BAND_GIB,
        idle_gib=claimed_gib + outside_gib + memory.cuda_context_gib,
        refusal=_refusal(memory, needed_gib, claimed_gib),
        memory=memory,
    )


def _estimate(entry: Entry, gpu: GpuSpec, share: float | None) -> MemoryEstimate:
    assert entry.model is not None
    options = ServingOptions(
        context_tokens=entry.context,
        concurrency=entry.concurrency,
        quantization=entry.quantization,
        dtype=entry.dtype or "auto",
        kv_cache_dtype=entry.kv_cache_dtype,
        engine=entry.engine,
        engine_version=entry.engine_version,
        gpu_memory_utilization=share,
        max_num_seqs=entry.max_num_seqs,
        max_num_batched_tokens=entry.max_num_batched_tokens,
        tensor_parallel=entry.tensor_parallel,
        enforce_eager=entry.enforce_eager,
        lora_rank=entry.lora_rank,
    )
    return estimate(entry.model, gpu, options)


def _needed_gib(memory: MemoryEstimate, concurrency: int) -> float:
    """What must fit inside the share."""
    graphs_gib = memory.cuda_graph_gib if memory.cuda_graph_inside_budget else 0.0
    cache_gib = memory.kv_needed_gib * concurrency
    return memory.weights_gib + memory.activation_peak_gib + memory.non_torch_gib + graphs_gib + cache_gib


def _refusal(memory: MemoryEstimate, needed_gib: float, claimed_gib: float) -> str | None:
    if memory.hardware_error:
        return memory.hardware_error
    if needed_gib > memory.total_gib:
        return f"it needs {needed_gib:.1f} GiB, the card has {memory.total_gib:.1f}"
    if needed_gib > claimed_gib:
        return f"it needs {needed_gib:.1f} GiB and its share is {claimed_gib:.1f}"
    return None


def _up(share: float) -> float:
    """Two decimals, rounded up."""
    return ceil(round(share * 100, 6)) / 100
