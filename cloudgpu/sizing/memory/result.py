"""The answer: every component in GiB on one GPU, the verdict, and how far off it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SHOWN_DECIMALS = 3
GRAPH_BAND_GIB = 0.3
"""Seen error of the CUDA graphs on one GPU, and on several that reach each other's memory."""


class Refusal(StrEnum):
    """What there is no room for: the weights, or enough KV cache for one sequence of the context."""

    WEIGHTS = "weights"
    KV_CACHE = "kv_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Memory of one GPU, in GiB, as the engine would log it. Field names are the JSON contract.

    `total_gib` is what torch reports, `requested_gib` the share the engine takes: weights + activation peak + non-torch
    + KV cache, and the CUDA graphs where `cuda_graph_inside_budget`. The CUDA context lies outside of it.
    `cuda_graph_band_gib` is how far above `cuda_graph_gib` the graphs may be.
    `kv_cache_gib` is what is left for the cache and may be negative; one sequence of `context_tokens` needs
    `kv_needed_gib`.
    `kv_bytes_per_token` counts the layers that keep every token. `longest_context` is the longest single sequence the
    cache holds, at most the model's own limit; `sequences_at_context` how many of `context_tokens` fit at once.
    `refusal` None means it starts; `refusal_text` is the engine's own words. `error_band_gib` is how far `kv_cache_gib`
    may be off, either way. `hardware_error` says why the release does not run on that card at all, whatever its
    memory; then `starts` is False though `refusal` may be None. `capability_notes` are sentences about formats, card
    and release; `flags` the engine's arguments that make the estimate true (those of the longest context when this one
    is refused, empty when none starts).
    """

    model: str
    engine: str
    engine_version: str
    gpu: str
    quantization: str | None
    context_tokens: int
    total_gib: float
    requested_gib: float
    tensor_parallel: int
    pipeline_parallel: int
    weights_gib: float
    activation_peak_gib: float
    non_torch_gib: float
    cuda_graph_gib: float
    cuda_graph_band_gib: float
    cuda_graph_inside_budget: bool
    cuda_context_gib: float
    kv_cache_gib: float
    kv_cache_tokens: int
    kv_bytes_per_token: int
    kv_needed_gib: float
    starts: bool
    refusal: Refusal | None
    refusal_text: str | None
    longest_context: int
    sequences_at_context: float
    error_band_gib: float
    weights_source: str
    hardware_error: str | None
    capability_notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def used_gib(self) -> float:
        """All that would be in use on the card under full load, CUDA context and graphs included."""
        graphs_outside = 0.0 if self.cuda_graph_inside_budget else self.cuda_graph_gib
        return self.requested_gib + graphs_outside + self.cuda_context_gib

    @property
    def verdict(self) -> str:
        """In one word: `starts`, `tight` (starts, by less than the estimate may be off) or `refused`."""
        return "refused" if not self.starts else ("tight" if self.is_tight else "starts")

    @property
    def is_tight(self) -> bool:
        """Whether it starts, but by less than the estimate may be off: it may not."""
        spare_cache_gib = self.kv_cache_gib - self.kv_needed_gib
        return self.starts and (spare_cache_gib < self.error_band_gib or self.crowds_card)

    @property
    def crowds_card(self) -> bool:
        """Whether graphs on top of the budget leave the card less than they may be off."""
        outside = not self.cuda_graph_inside_budget and self.cuda_graph_gib > 0
        return outside and self.total_gib - self.used_gib < self.cuda_graph_band_gib

    @property
    def highest_utilization(self) -> float:
        """The largest gpu_memory_utilization, to two decimals, whose use in all fits the card, the graphs' band too."""
        outside_gib = self.used_gib - self.requested_gib
        outside_gib += 0.0 if self.cuda_graph_inside_budget else self.cuda_graph_band_gib
        return max(int(100 * (1 - outside_gib / self.total_gib)) / 100, 0.0)

    def holds(self, sequences: int) -> bool:
        """Whether it starts and keeps that many sequences of the context at once."""
        return self.starts and self.sequences_at_context >= sequences

    def as_json(self) -> Mapping[str, object]:
        """The figures under the names of the JSON contract, GiB to three decimals."""
        shown = {name: _shown(getattr(self, name)) for name in self.__dataclass_fields__}
        return {**shown, "verdict": self.verdict}


def _shown(value: object) -> object:
    if isinstance(value, Refusal):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return round(value, SHOWN_DECIMALS) if isinstance(value, float) else value
