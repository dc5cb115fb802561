"""Whether the engine starts, and what it says when it does not."""

from dataclasses import dataclass

from cloudgpu.sizing.memory.result import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One GPU's figures, in GiB, that decide about a start.

    `outside_gib` are CUDA graphs on top of the budget, `outside_band_gib` how far above that they may be.
    """

    total_gib: float
    requested_gib: float
    utilization: float
    weights_gib: float
    kv_cache_gib: float
    kv_needed_gib: float
    context_gib: float
    outside_gib: float
    outside_band_gib: float
    activation_gib: float
    max_model_len: int
    longest_context: int
    keeps_cache: bool


def refusal_of(budget: Budget) -> tuple[Refusal, str] | None:
    """What there is no room for and the engine's words for it, in the order of a start; None when it starts."""
    for check in (_free_memory, _load, _cache_blocks, _one_sequence, _graph_capture):
        found = check(budget)
        if found is not None:
            return found
    return None


def _load(budget: Budget) -> tuple[Refusal, str] | None:
    if budget.weights_gib <= budget.total_gib - budget.context_gib:
        return None
    return Refusal.WEIGHTS, (
        "torch.OutOfMemoryError: CUDA out of memory while loading the weights. "
        f"GPU 0 has a total capacity of {budget.total_gib:.2f} GiB; the model needs {budget.weights_gib:.2f} GiB."
    )


def _free_memory(budget: Budget) -> tuple[Refusal, str] | None:
    free = budget.total_gib - budget.context_gib
    if budget.requested_gib <= free:
        return None
    kind = Refusal.WEIGHTS if budget.weights_gib > free else Refusal.KV_CACHE
    return kind, (
        f"ValueError: Free memory on device cuda:0 ({free:.2f}/{budget.total_gib:.2f} GiB) on startup is less than "
        f"desired GPU memory utilization ({budget.utilization:g}, {budget.requested_gib:.2f} GiB). Decrease GPU memory "
        "utilization or reduce GPU memory used by other processes."
    )


def _cache_blocks(budget: Budget) -> tuple[Refusal, str] | None:
    has_room = budget.kv_cache_gib > 0 if budget.keeps_cache else budget.kv_cache_gib >= 0
    if has_room:
        return None
    kind = Refusal.WEIGHTS if budget.weights_gib > budget.requested_gib else Refusal.KV_CACHE
    return kind, (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
        "initializing the engine."
    )


def _one_sequence(budget: Budget) -> tuple[Refusal, str] | None:
    if budget.kv_needed_gib <= budget.kv_cache_gib:
        return None
    return Refusal.KV_CACHE, (
        "ValueError: To serve at least one request with the models's max seq len "
        f"({budget.max_model_len}), ({budget.kv_needed_gib:.2f} GiB KV cache is needed, which is larger than the "
        f"available KV cache memory ({budget.kv_cache_gib:.2f} GiB). Based on the available memory, the estimated "
        f"maximum model length is {budget.longest_context}. Try increasing `gpu_memory_utilization` or decreasing "
        "`max_model_len` when initializing the engine."
    )


def _graph_capture(budget: Budget) -> tuple[Refusal, str] | None:
    """Graphs on top of the budget must still find room on the card, beside the CUDA context.

    The profiled activations are free again by then. What graphs take is the least certain term, so that the card must
    be exceeded by more than its error.
    """
    used = budget.requested_gib - budget.activation_gib + budget.outside_gib + budget.context_gib
    if used <= budget.total_gib + budget.outside_band_gib:
        return None
    return Refusal.KV_CACHE, (
        f"torch.OutOfMemoryError: CUDA out of memory while capturing CUDA graphs: {used:.2f} GiB in use of "
        f"{budget.total_gib:.2f} GiB. Decrease `gpu_memory_utilization`."
    )
