"""What a family's code fixes and its config.json does not say."""

from dataclasses import dataclass, replace

from cloudgpu.sizing.architecture.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """Biases, norms and feed-forward form of a family.

    `qk_norm`: "" none, "head" one weight a head dimension, "full" one a channel. `norms` are per layer.
    """

    qkv_bias: bool = False
    o_bias: bool = False
    qk_norm: str = ""
    norms: int = 2
    norm_bias: bool = False
    gated: bool = True
    mlp_bias: bool = False
    head_bias: bool = False
    output_gate: bool = False


def traits_of(family: str, config: Config) -> Traits:
    """The traits of a family, adjusted by what its config does say. An unknown family is taken as a Llama."""
    base = _FAMILIES.get(family, Traits())
    return _ADJUST.get(family, _as_llama)(base, config)


_FAMILIES = {
    "qwen2": Traits(qkv_bias=True),
    "qwen2_moe": Traits(qkv_bias=True),
    "qwen2_vl": Traits(qkv_bias=True),
    "qwen2_5_vl": Traits(qkv_bias=True),
    "qwen3": Traits(qk_norm="head"),
    "qwen3_moe": Traits(qk_norm="head"),
    "qwen3_vl": Traits(qk_norm="head"),
    "qwen3_vl_moe": Traits(qk_norm="head"),
    "qwen3_next": Traits(qk_norm="head", output_gate=True),
    "qwen3_5": Traits(qk_norm="head", output_gate=True),
    "qwen3_5_moe": Traits(qk_norm="head", output_gate=True),
    "gemma2": Traits(norms=4),
    "gemma3": Traits(norms=4, qk_norm="head"),
    "gemma4": Traits(norms=4, qk_norm="head"),
    "olmo2": Traits(qk_norm="full"),
    "cohere": Traits(norms=1),
    "cohere2": Traits(norms=1),
    "glm4": Traits(norms=4),
    "falcon": Traits(norm_bias=True, gated=False),
    "phimoe": Traits(norm_bias=True),
    "phi3small": Traits(qkv_bias=True, o_bias=True, norm_bias=True, mlp_bias=True),
    "gpt_oss": Traits(qkv_bias=True, o_bias=True),
}


_AS_CONFIGURED = {
    "llama",
    "mistral",
    "mistral3",
    "mixtral",
    "phi3",
    "granite",
    "internlm2",
    "internlm3",
    "smollm3",
    "llama4",
    "mllama",
    "deepseek_v2",
    "deepseek_v3",
    "kimi_k2",
    "glm",
    "glm4_moe",
    "glm4_moe_lite",
}

KNOWN_FAMILIES = frozenset(_AS_CONFIGURED | _FAMILIES.keys())
"""Families whose counts were checked against published checkpoints."""


def _as_llama(base: Traits, config: Config) -> Traits:
    bias = config.flag("attention_bias")
    return replace(
        base,
        qkv_bias=base.qkv_bias or bias,
        o_bias=base.o_bias or bias,
        mlp_bias=base.mlp_bias or config.flag("mlp_bias"),
        head_bias=config.flag("lm_head_bias"),
    )


def _as_glm(base: Traits, config: Config) -> Traits:
    norm = "head" if config.flag("use_qk_norm") else base.qk_norm
    return replace(base, qkv_bias=config.flag("attention_bias"), qk_norm=norm)


def _as_cohere(base: Traits, config: Config) -> Traits:
    return replace(base, qk_norm="full" if config.flag("use_qk_norm") else "")


def _as_falcon(base: Traits, config: Config) -> Traits:
    return replace(base, norms=2 if config.flag("new_decoder_architecture") else 1)


def _unchanged(base: Traits, _config: Config) -> Traits:
    return base


_ADJUST = {
    "glm": _as_glm,
    "glm4": _as_glm,
    "glm4_moe": _as_glm,
    "cohere": _as_cohere,
    "cohere2": _as_cohere,
    "falcon": _as_falcon,
    "qwen2": _unchanged,
    "qwen2_moe": _unchanged,
    "qwen2_vl": _unchanged,
    "qwen2_5_vl": _unchanged,
    "gpt_oss": _unchanged,
    "phi3small": _unchanged,
}
