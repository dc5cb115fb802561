"""The figure beside each parameter of a profile: what the model, the machine and the release make of it."""

from collections.abc import Callable, Mapping

from cloudgpu.base.errors import UsageError
from cloudgpu.planning.offers.offer import cards
from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.releases.flag_table import gone_since
from cloudgpu.serving.lint.rules.operations import cold_start_s
from cloudgpu.serving.parsers import reasoning_parser, tool_parser
from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.engines.vllm import profile
from cloudgpu.sizing.model import ModelSpec


def figure_of(parameter: str, case: Case) -> str:
    """A few words with a number or a name in them; empty where model or machine would have to be known."""
    return _FIGURES[parameter](case)


def _longest(case: Case) -> str:
    memory = case.memory
    native = f"model: {case.model.max_context}" if case.model else ""
    return f"fits {memory.longest_context} tokens; {native}" if memory and memory.longest_context else native


def _share(case: Case) -> str:
    memory = case.memory
    if memory is None:
        return ""
    return f"{memory.weights_gib:.1f} GiB weights, {max(memory.kv_cache_gib, 0):.1f} GiB for KV per GPU"


def _swap(case: Case) -> str:
    ram_gib = case.host.ram_gib if case.host else None
    since = gone_since("--swap-space")
    return f"gone since {since}" + (f"; host: {ram_gib:g} GiB" if ram_gib else "")


def _heads(case: Case) -> str:
    return f"{case.model.attention_heads} heads, {case.model.kv_heads} of KV" if case.model else ""


def _world(case: Case) -> str:
    needed = case.tensor_parallel * case.pipeline_parallel
    return f"{needed} GPUs of one machine: mp by itself" if needed > 1 else "1 GPU: none needed"


def _cards(case: Case) -> str:
    needed = case.tensor_parallel * case.pipeline_parallel
    if case.host is None:
        return f"needs {needed}"
    return f"needs {needed}; machine: {cards(case.host.gpu.name, case.host.gpu.memory_mib, case.host.count)}"


def _stored(case: Case) -> str:
    return f"checkpoint: {case.model.quantization or case.model.dtype}" if case.model else ""


def _cache(case: Case) -> str:
    return f"{case.memory.kv_needed_gib:.1f} GiB for one full context" if case.memory else ""


def _made_in(case: Case) -> str:
    return f"model: {case.model.dtype}" if case.model else ""


def _tools(case: Case) -> str:
    return _family(case, tool_parser, "tools")


def _reasoning(case: Case) -> str:
    return _family(case, reasoning_parser, "reasoning")


def _family(case: Case, parser: Callable[[ModelSpec, EngineProfile], str], what: str) -> str:
    if case.model is None:
        return ""
    try:
        return f"family's {what}: {parser(case.model, profile(case.version))}"
    except UsageError:
        return f"family's {what}: none known"


def _stretched(case: Case) -> str:
    if case.model is None:
        return ""
    rope = case.rope_override or case.unread_rope_override or {}
    factor, native = rope.get("factor"), rope.get("original_max_position_embeddings", case.model.max_context)
    return f"{factor} x {native} positions" if factor else f"model alone: {native}"


def _start(case: Case) -> str:
    health = case.service.health
    return f"cold start about {cold_start_s(case)} s" + (f"; patience {health.patience_s:g} s" if health else "")


def _port(case: Case) -> str:
    inside = [container for _, container in case.service.ports if container]
    return f"published: {', '.join(inside)}" if inside else "default 8000"


_FIGURES: Mapping[str, Callable[[Case], str]] = {
    "max-model-len": _longest, "gpu-memory-utilization": _share, "swap-space": _swap, "tensor-parallel-size": _heads,
    "executor backend": _world, "devices": _cards, "quantization": _stored, "kv-cache-dtype": _cache,
    "dtype": _made_in, "auto-tool-choice": _tools, "tool-call-parser": _tools, "reasoning-parser": _reasoning,
    "RoPE override": _stretched, "health check": _start, "port": _port,
}  # fmt: skip
