"""Bytes a parameter takes in each number format, and what stays in 16 bit.

Sources: AutoAWQ and GPTQ file layouts (group size 128), DeepSeek and Qwen FP8 files (128 x 128 blocks), the OpenAI
gpt-oss files (MXFP4), NVIDIA ModelOpt (NVFP4), the QLoRA paper (nf4); each checked on published files.
"""

from collections.abc import Mapping
from typing import Any

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.shape import ParameterGroups

BYTES_PER_QUANTISED = {
    "awq": 0.5 + 2.5 / 128,
    "gptq": 0.5 + 2.5 / 128,
    "gptq-int8": 1 + 3 / 128,
    "fp8": 1 + 4 / 16384,
    "mxfp4": 0.5 + 1 / 32,
    "nvfp4": 0.5 + 1 / 16,
    "bitsandbytes": 0.5 + 4 / 64,
}
"""Bytes of one quantised weight with its share of scales and zero points."""

QUANTIZATIONS = tuple(BYTES_PER_QUANTISED)

_SPELLINGS = {
    "": None,
    "none": None,
    "auto": None,
    "bf16": None,
    "bfloat16": None,
    "fp16": None,
    "float16": None,
    "awq_marlin": "awq",
    "gptq_marlin": "gptq",
    "gptq-int4": "gptq",
    "int4": "gptq",
    "w4a16": "gptq",
    "int8": "gptq-int8",
    "w8a16": "gptq-int8",
    "fp8_e4m3": "fp8",
    "fbgemm_fp8": "fp8",
    "modelopt": "fp8",
    "modelopt_fp4": "nvfp4",
    "gpt_oss_mxfp4": "mxfp4",
    "bnb": "bitsandbytes",
    "nf4": "bitsandbytes",
}


def canonical_quantization(name: str | None) -> str | None:
    """Our word for a quantisation; None for 16 bit. Raises UsageError for one we cannot count."""
    lowered = (name or "").strip().lower()
    if lowered in BYTES_PER_QUANTISED:
        return lowered
    if lowered in _SPELLINGS:
        return _SPELLINGS[lowered]
    raise UsageError(f"the quantisation {name!r} is not known", hint="one of " + ", ".join(QUANTIZATIONS))


def bytes_per_16_bit(dtype: str) -> int:
    """Bytes of an unquantised parameter: 4 in float32, else 2."""
    return 4 if dtype == "float32" else 2


def checkpoint_bytes(parameters: ParameterGroups, quantization: str | None, dtype: str) -> float:
    """Bytes of the checkpoint's files, before an engine repacks them."""
    plain = bytes_per_16_bit(dtype)
    if quantization is None:
        return float(parameters.total * plain)
    small, kept = split_by_width(parameters, quantization)
    tables = (kept + parameters.mtp) * plain
    # AWQ and GPTQ files of models with tied embeddings store the output head all the same.
    untied = parameters.embedding * plain if not parameters.head and quantization in {"awq", "gptq", "gptq-int8"} else 0
    return small * BYTES_PER_QUANTISED[quantization] + tables + untied


def split_by_width(parameters: ParameterGroups, quantization: str) -> tuple[int, int]:
    """(parameters stored small, parameters kept in 16 bit) of what an engine loads.

    MXFP4 of gpt-oss covers the experts alone; every other format covers all matrices but embeddings, head and vision.
    """
    small = parameters.experts if quantization == "mxfp4" else parameters.quantisable
    return small, parameters.loaded - small


def config_quantization(config: Mapping[str, Any]) -> str | None:
    """What the `quantization_config` of a config.json says, in our words; None for 16 bit.

    Raises UsageError for a method we cannot count.
    """
    found = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(found, Mapping):
        return None
    method = str(found.get("quant_method", "")).lower()
    bits = found.get("bits") or found.get("w_bit")
    if method in {"gptq", "awq", "auto-round", "auto_round"}:
        return "gptq-int8" if bits == 8 else ("awq" if method == "awq" else "gptq")
    if method in {"compressed-tensors", "compressed_tensors"}:
        return _compressed(found)
    return canonical_quantization(method)


def _compressed(found: Mapping[str, Any]) -> str:
    """compressed-tensors: the weights of the first group decide."""
    groups = found.get("config_groups")
    first: object = next(iter(groups.values()), {}) if isinstance(groups, Mapping) else {}
    weights = first.get("weights") if isinstance(first, Mapping) else None
    bits = weights.get("num_bits", 8) if isinstance(weights, Mapping) else 8
    kind = weights.get("type", "float") if isinstance(weights, Mapping) else "float"
    if kind == "float":
        return "nvfp4" if bits == 4 else "fp8"
    return "gptq" if bits == 4 else "gptq-int8"
