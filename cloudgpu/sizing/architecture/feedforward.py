"""Feed-forward layers: dense, and mixtures of experts with their shared ones and router."""

from dataclasses import dataclass

from cloudgpu.sizing.architecture.attention import LayerCount
from cloudgpu.sizing.architecture.config import Config
from cloudgpu.sizing.architecture.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A mixture of experts. `first_dense` layers before it are dense, then every `step`-th layer is a mixture.

    `beside_dense`: every layer has a dense part as well, and `extra_small` norms and scales for it (Gemma 4).
    """

    experts: int
    per_token: int
    width: int
    shared_width: int
    shared_gate: bool
    expert_bias: bool
    router_bias: bool
    score_bias: bool
    first_dense: int
    step: int
    beside_dense: bool
    extra_small: int

    def mixture_layers(self, layers: int) -> int:
        """How many of `layers` are mixtures: with step 2 it is the second of each pair."""
        return (layers - self.first_dense) // self.step


def dense_count(hidden: int, width: int, traits: Traits) -> LayerCount:
    """3*h*I gated, 2*h*I otherwise, and biases."""
    ups = 2 if traits.gated else 1
    bias = (ups * width + hidden) * traits.mlp_bias
    return LayerCount(linear=(ups + 1) * hidden * width, small=bias)


def mixture_count(hidden: int, mixture: Mixture) -> LayerCount:
    """E*3*h*I_e, the router h*E, shared experts 3*h*I_s, and what biases and gates there are."""
    router = hidden * mixture.experts + mixture.experts * (mixture.router_bias + mixture.score_bias)
    bias = mixture.experts * (2 * mixture.width + hidden) * mixture.expert_bias
    return LayerCount(
        linear=3 * hidden * mixture.shared_width,
        experts=mixture.experts * 3 * hidden * mixture.width,
        small=router + bias + hidden * mixture.shared_gate + mixture.extra_small,
    )


def mixture_of(family: str, config: Config) -> Mixture | None:
    """The mixture of a config, None when the model is dense."""
    experts = config.count_or(0, "num_experts", "n_routed_experts", "num_local_experts")
    if experts <= 1:
        return None
    width = config.count("moe_intermediate_size", "expert_intermediate_size", "intermediate_size")
    return Mixture(
        experts=experts,
        per_token=config.count_or(1, "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk"),
        width=width,
        shared_width=_shared_width(family, config, width),
        shared_gate=family in {"qwen2_moe", "qwen3_next", "qwen3_5_moe"},
        expert_bias=family == "gpt_oss",
        router_bias=family == "gpt_oss",
        score_bias=family in {"deepseek_v3", "kimi_k2", "glm4_moe", "glm4_moe_lite"},
        first_dense=config.count_or(0, "first_k_dense_replace"),
        step=config.count_or(1, "interleave_moe_layer_step", "decoder_sparse_step"),
        beside_dense=family == "gemma4",
        extra_small=4 * config.count("hidden_size") + experts if family == "gemma4" else 0,
    )


def dense_width(family: str, config: Config, mixture: Mixture | None) -> int:
    """The width of the dense feed-forward layers, 0 when there are none."""
    if mixture is None or mixture.beside_dense or mixture.first_dense:
        return config.count_or(4 * config.count("hidden_size"), "intermediate_size", "ffn_hidden_size")
    if mixture.step > 1:
        return config.count("intermediate_size_mlp" if family == "llama4" else "intermediate_size")
    return 0


def _shared_width(family: str, config: Config, width: int) -> int:
    if config.raw.get("shared_expert_intermediate_size"):
        return config.count("shared_expert_intermediate_size")
    if config.raw.get("n_shared_experts"):
        return config.count("n_shared_experts") * width
    return width if family == "llama4" else 0
