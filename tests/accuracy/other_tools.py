"""What other estimators' published formulas give on the same rows."""

from observations import Observation

from cloudgpu.base.units import GIB
from cloudgpu.sizing.cases import _model, choose_gpu
from cloudgpu.sizing.models import ModelSpec
from cloudgpu.sizing.number_formats import canonical_quantization, checkpoint_bytes

TOOLS = ("hf-mem", "accelerate", "aiconfigurator", "KAITO")

_AIC_ROWS = {1: 11, 2: 6.5}
_AIC_FLAT_GIB, _AIC_TOKENS = 3.5, 2048
_AIC_UNKNOWN = frozenset({"awq", "bitsandbytes"})
"""aiconfigurator counts formats it does not know in 16 bit."""


def tool_error(tool: str, figure: str, row: Observation) -> float | None:
    """The tool's error on a row; None where it gives no such figure."""
    model, ranks = _model(row.case), row.case.get("tensor_parallel", 1)
    quantization = canonical_quantization(row.case.get("quantization")) or model.quantization
    if figure == "weights":
        found = _weights_gib(tool, model, quantization)
        return None if found is None else found / ranks / row.seen["weights_gib"] - 1
    found = _cache_gib(tool, row, model)
    return None if found is None else found / row.seen["kv_cache_gib"] - 1


def _weights_gib(tool: str, model: ModelSpec, quantization: str | None) -> float | None:
    parameters, dtype = model.architecture.parameters, model.dtype
    if tool == "hf-mem":
        return checkpoint_bytes(parameters, quantization, dtype) / GIB
    if tool == "accelerate":
        widths = {None: 2.0, "fp8": 1.0, "fp8-channel": 1.0, "gptq-int8": 1.0, "bitsandbytes-int8": 1.0}
        return (parameters.loaded - parameters.head) * widths.get(quantization, 0.5) / GIB
    if tool == "aiconfigurator":
        return checkpoint_bytes(parameters, None if quantization in _AIC_UNKNOWN else quantization, dtype) / GIB
    return checkpoint_bytes(parameters, quantization, dtype) * 1.02 / GIB


def _cache_gib(tool: str, row: Observation, model: ModelSpec) -> float | None:
    if tool not in {"aiconfigurator", "KAITO"} or "weights_gib" not in row.seen:
        return None
    gpu = choose_gpu(row.case.get("gpu"), row.case.get("gpu_total_gib"))
    marketed_gib, weights_gib = round(gpu.memory_mib / 1024), row.seen["weights_gib"]
    if tool == "KAITO":
        return 0.84 * marketed_gib - weights_gib * 1.02 - 2.3 - 0.05 * weights_gib
    architecture, ranks = model.architecture, row.case.get("tensor_parallel", 1)
    each = _AIC_ROWS.get(ranks, 5) * (2 if architecture.expert_count else 1)
    activation_gib = 2 * _AIC_TOKENS * architecture.attention_heads * architecture.head_dim * each / GIB
    share = row.case.get("gpu_memory_utilization") or 0.92
    return share * marketed_gib - weights_gib - activation_gib - _AIC_FLAT_GIB
