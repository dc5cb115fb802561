"""Which splits over GPUs an engine accepts."""

from cloudgpu.sizing.model import ModelSpec

QUANTISED_GROUP = 128
"""Weights that share a scale (AWQ, GPTQ) and the side of an FP8 block: a shard must hold whole ones."""

SMALLEST_EXPERT_GROUP = 32
"""To this vLLM halves the group of AWQ and GPTQ experts that a split leaves narrower (its kernel moe_wna16)."""

_PADDED_WIDTHS = {29568: 29696}
"""Qwen2.5-72B: its quantised files pad the feed-forward width so that eight GPUs can share it."""


def layout_error(
    model: ModelSpec, tensor_parallel: int, pipeline_parallel: int = 1, quantization: str | None = None
) -> str | None:
    """Why the engine refuses to split the model that way; None when it accepts.

    `quantization` None means the checkpoint's own. Source: vLLM's checks of heads, KV heads and quantised widths.
    """
    architecture = model.architecture
    if tensor_parallel < 1 or pipeline_parallel < 1:
        return "a model is split over at least one GPU"
    if architecture.attention_heads % tensor_parallel:
        return f"{architecture.attention_heads} attention heads are not divisible by tensor parallel {tensor_parallel}"
    if not _kv_heads_split(architecture.kv_heads, tensor_parallel):
        return f"{architecture.kv_heads} KV heads cannot be shared out over tensor parallel {tensor_parallel}"
    if pipeline_parallel > architecture.layers:
        return f"{architecture.layers} layers cannot fill {pipeline_parallel} pipeline stages"
    return _quantised_width_error(model, tensor_parallel, quantization or model.quantization)


def _kv_heads_split(kv_heads: int, tensor_parallel: int) -> bool:
    return kv_heads % tensor_parallel == 0 or tensor_parallel % kv_heads == 0


def _quantised_width_error(model: ModelSpec, tensor_parallel: int, quantization: str | None) -> str | None:
    if quantization not in {"awq", "gptq", "gptq-int8", "fp8"} or tensor_parallel == 1:
        return None
    of_experts = QUANTISED_GROUP if quantization == "fp8" else SMALLEST_EXPERT_GROUP
    architecture = model.architecture
    for width, group in (
        (architecture.intermediate_size, QUANTISED_GROUP),
        (architecture.expert_intermediate_size, of_experts),
    ):
        padded = _PADDED_WIDTHS.get(width, width)
        if padded % tensor_parallel or (padded // tensor_parallel) % group:
            share = f"{padded}/{tensor_parallel}"
            return f"the {quantization} feed-forward width {share} is no multiple of the group of {group}"
    return None
