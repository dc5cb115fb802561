"""The `quantization_config` of a config.json in our words: format, group size, what it leaves in 16 bit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudgpu.sizing.number_formats import canonical_quantization


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFormat:
    """How a checkpoint is quantised. `quantization` None is 16 bit; `group_size` None the format's own.

    `kept` are the patterns of module names that stay in 16 bit, as the config writes them.
    """

    quantization: str | None = None
    group_size: int | None = None
    kept: tuple[str, ...] = ()


def checkpoint_format(config: Mapping[str, Any]) -> CheckpointFormat:
    """What a config.json says of its quantisation. Raises UsageError for a method we cannot count."""
    found = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(found, Mapping):
        return CheckpointFormat()
    group = found.get("group_size") or found.get("q_group_size")
    return CheckpointFormat(
        quantization=_quantization(found),
        group_size=group if isinstance(group, int) and not isinstance(group, bool) else _compressed_group(found),
        kept=_kept(found),
    )


def _quantization(found: Mapping[str, Any]) -> str | None:
    method = str(found.get("quant_method", "")).lower()
    bits = found.get("bits") or found.get("w_bit")
    if method in {"gptq", "awq", "auto-round", "auto_round"}:
        return "gptq-int8" if bits == 8 else ("awq" if method == "awq" else "gptq")
    if method in {"compressed-tensors", "compressed_tensors"}:
        return _compressed(found)
    if method == "fp8":
        return "fp8" if found.get("weight_block_size") else "fp8-channel"
    if method == "bitsandbytes":
        return _bitsandbytes(found)
    if method == "modelopt" and "fp4" in str(found.get("quant_algo", "")).lower():
        return "nvfp4"
    return canonical_quantization(method)


def _bitsandbytes(found: Mapping[str, Any]) -> str:
    if found.get("load_in_8bit"):
        return "bitsandbytes-int8"
    return "bitsandbytes-double" if found.get("bnb_4bit_use_double_quant") else "bitsandbytes"


def _compressed(found: Mapping[str, Any]) -> str:
    """compressed-tensors: the weights of the first group decide."""
    weights = _first_weights(found)
    bits, kind = weights.get("num_bits", 8), weights.get("type", "float")
    if kind == "float":
        return "nvfp4" if bits == 4 else ("fp8" if weights.get("strategy") == "block" else "fp8-channel")
    if bits == 4:
        return "gptq" if weights.get("symmetric", True) else "awq"
    return "gptq-int8" if str(found.get("format", "")).startswith("pack") else "int8"


def _compressed_group(found: Mapping[str, Any]) -> int | None:
    group = _first_weights(found).get("group_size")
    return group if isinstance(group, int) and not isinstance(group, bool) else None


def _first_weights(found: Mapping[str, Any]) -> Mapping[str, Any]:
    groups = found.get("config_groups")
    first: object = next(iter(groups.values()), {}) if isinstance(groups, Mapping) else {}
    weights = first.get("weights") if isinstance(first, Mapping) else None
    return weights if isinstance(weights, Mapping) else {}


def _kept(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The lists under their several names; GPTQ writes its exceptions as `dynamic` rules that begin with a minus."""
    names = ("modules_to_not_convert", "ignore", "exclude_modules", "llm_int8_skip_modules", "ignored_layers")
    listed = [str(item) for name in names for item in found.get(name) or () if isinstance(found.get(name), list)]
    dynamic = found.get("dynamic")
    rules = [f"re:{rule[2:]}" for rule in dynamic if rule.startswith("-:")] if isinstance(dynamic, Mapping) else []
    return tuple(dict.fromkeys([*listed, *rules]))
