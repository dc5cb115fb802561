"""A GGUF file's metadata in the words of a config.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.sizing.checkpoint.gguf import GgufHeader, LongArray

_FAMILIES = {
    "qwen3moe": "qwen3_moe", "qwen2moe": "qwen2_moe", "qwen2vl": "qwen2_5_vl", "qwen3vl": "qwen3_vl",
    "qwen3next": "qwen3_next", "command-r": "cohere", "gpt-oss": "gpt_oss", "deepseek2": "deepseek_v3",
    "chatglm": "glm", "glm4moe": "glm4_moe", "mistral3": "mistral3", "llama4": "llama4",
}  # fmt: skip

_FIELDS = {
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "num_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "first_k_dense_replace": "leading_dense_block_count",
    "num_nextn_predict_layers": "nextn_predict_layers",
    "kv_lora_rank": "attention.kv_lora_rank",
    "q_lora_rank": "attention.q_lora_rank",
    "qk_rope_head_dim": "rope.dimension_count",
    "v_head_dim": "attention.value_length_mla",
}


def config_of_gguf(header: GgufHeader) -> dict[str, Any]:
    """The config.json that the metadata amounts to. Raises BadFileError when it names no architecture."""
    metadata = header.metadata
    family = metadata.get("general.architecture")
    if not isinstance(family, str) or not family:
        raise BadFileError("the GGUF header names no architecture", hint="convert the model anew")
    if family == "clip":
        raise BadFileError("this GGUF file is a vision projector, not a model", hint="name the model's own GGUF file")
    config: dict[str, Any] = {"model_type": _FAMILIES.get(family, family)}
    for field, key in _FIELDS.items():
        value = _number(metadata.get(f"{family}.{key}"))
        if value:
            config[field] = value
    config["vocab_size"] = _vocabulary(family, metadata, header)
    config["tie_word_embeddings"] = not any(tensor.name == "output.weight" for tensor in header.tensors)
    config["torch_dtype"] = "float16"
    return _latent(config, family, metadata)


def _number(value: object) -> int | None:
    """A whole number; of one for each layer the largest, which is what memory must provide for."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        numbers = [item for item in value if isinstance(item, int)]
        return max(numbers, default=None)
    return value if isinstance(value, int) else None


def _vocabulary(family: str, metadata: Mapping[str, Any], header: GgufHeader) -> int:
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight" and len(tensor.shape) == 2:
            return tensor.shape[1]
    tokens = metadata.get("tokenizer.ggml.tokens")
    listed = tokens.length if isinstance(tokens, LongArray) else len(tokens) if isinstance(tokens, list) else None
    found = _number(metadata.get(f"{family}.vocab_size")) or listed
    if not found:
        raise BadFileError("the GGUF header says nothing of its vocabulary", hint="convert the model anew")
    return found


def _latent(config: dict[str, Any], family: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Latent attention: llama.cpp names the whole key length, a config.json its two parts."""
    if "kv_lora_rank" not in config:
        return {key: value for key, value in config.items() if key not in {"qk_rope_head_dim", "v_head_dim"}}
    keys = _number(metadata.get(f"{family}.attention.key_length_mla")) or config.get("head_dim", 0)
    values = config.get("v_head_dim") or _number(metadata.get(f"{family}.attention.value_length")) or keys
    rope = config.get("qk_rope_head_dim", 64)
    if keys > config["kv_lora_rank"]:  # the compressed form: rank and rope together
        keys = 128 + rope
    widths = {"qk_nope_head_dim": max(keys - rope, 1), "qk_rope_head_dim": rope, "v_head_dim": min(values, keys)}
    return config | widths
