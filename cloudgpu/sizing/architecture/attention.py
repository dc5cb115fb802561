"""Attention layers: parameters, and what they keep of a sequence."""

from dataclasses import dataclass

from cloudgpu.sizing.architecture.config import Config
from cloudgpu.sizing.architecture.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCount:
    """Parameters of one layer's part, by the groups of `ParameterGroups`."""

    linear: int = 0
    kv_linear: int = 0
    replicated_linear: int = 0
    experts: int = 0
    small: int = 0

    def __add__(self, other: "LayerCount") -> "LayerCount":
        return LayerCount(
            linear=self.linear + other.linear,
            kv_linear=self.kv_linear + other.kv_linear,
            replicated_linear=self.replicated_linear + other.replicated_linear,
            experts=self.experts + other.experts,
            small=self.small + other.small,
        )

    def __mul__(self, times: int) -> "LayerCount":
        return LayerCount(
            linear=self.linear * times,
            kv_linear=self.kv_linear * times,
            replicated_linear=self.replicated_linear * times,
            experts=self.experts * times,
            small=self.small * times,
        )

    @property
    def total(self) -> int:
        """All parameters of the part."""
        return self.linear + self.kv_linear + self.replicated_linear + self.experts + self.small


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Query heads, key/value heads and their width."""

    query: int
    kv: int
    dim: int


def heads_of(config: Config) -> Heads:
    """The heads of a decoder config; `head_dim` is hidden/heads only when the config does not give it."""
    query = config.count("num_attention_heads", "n_head")
    kv = config.count_or(_default_kv(config, query), "num_key_value_heads", "num_kv_heads", "multi_query_group_num")
    dim = config.count_or(max(config.count("hidden_size") // query, 1), "head_dim", "attention_head_dim")
    return Heads(query=query, kv=kv, dim=dim)


def plain_attention(hidden: int, heads: Heads, traits: Traits, *, shared_kv: bool = False) -> LayerCount:
    """h*H*d + 2*h*K*d + H*d*h with biases and norms; `shared_kv`: values are the keys, one projection serves both."""
    q_width, kv_width = heads.query * heads.dim, heads.kv * heads.dim
    q_out = q_width * (2 if traits.output_gate else 1)
    kv_copies = 1 if shared_kv else 2
    small = (q_out + kv_copies * kv_width) * traits.qkv_bias + hidden * traits.o_bias
    small += {"": 0, "head": 2 * heads.dim, "full": q_width + kv_width}[traits.qk_norm]
    return LayerCount(linear=hidden * q_out + q_width * hidden, kv_linear=kv_copies * hidden * kv_width, small=small)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """Multi-head latent attention: ranks and head widths."""

    q_rank: int
    kv_rank: int
    nope: int
    rope: int
    value: int


def latent_of(config: Config) -> Latent | None:
    """The latent attention of a config, None when it has none."""
    if config.raw.get("kv_lora_rank") is None:
        return None
    return Latent(
        q_rank=config.count_or(0, "q_lora_rank"),
        kv_rank=config.count("kv_lora_rank"),
        nope=config.count("qk_nope_head_dim"),
        rope=config.count("qk_rope_head_dim"),
        value=config.count("v_head_dim"),
    )


def latent_attention(hidden: int, query_heads: int, latent: Latent) -> LayerCount:
    """h*q_rank + q_rank*H*(nope+rope) + h*(kv_rank+rope) + kv_rank*H*(nope+v) + H*v*h, and two norms."""
    q_width = query_heads * (latent.nope + latent.rope)
    down_q = hidden * latent.q_rank
    up_q = (latent.q_rank or hidden) * q_width
    up_kv = latent.kv_rank * query_heads * (latent.nope + latent.value)
    return LayerCount(
        linear=up_q + up_kv + query_heads * latent.value * hidden,
        replicated_linear=down_q + hidden * (latent.kv_rank + latent.rope),
        small=latent.q_rank + latent.kv_rank,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNet:
    """Gated DeltaNet (Qwen3-Next, Qwen3.5): heads, widths, convolution."""

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    kernel: int

    @property
    def state_bytes(self) -> int:
        """State of one layer and sequence: the fp32 matrix and the 16-bit tail of the convolution."""
        matrix = self.value_heads * self.value_dim * self.key_dim * 4
        return matrix + (self.kernel - 1) * self._conv_width * 2

    @property
    def _conv_width(self) -> int:
        return 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim

    def count(self, hidden: int) -> LayerCount:
        """Projections, convolution, decay, output norm."""
        key_width, value_width = self.key_heads * self.key_dim, self.value_heads * self.value_dim
        gates = hidden * 2 * self.value_heads + 2 * self.value_heads
        return LayerCount(
            linear=hidden * (2 * key_width + 2 * value_width) + value_width * hidden,
            small=gates + self._conv_width * self.kernel + self.value_dim,
        )


def delta_net_of(config: Config) -> DeltaNet | None:
    """The recurrent layers of a hybrid config, None when it has none."""
    if config.raw.get("linear_num_value_heads") is None:
        return None
    return DeltaNet(
        key_heads=config.count("linear_num_key_heads"),
        value_heads=config.count("linear_num_value_heads"),
        key_dim=config.count("linear_key_head_dim"),
        value_dim=config.count("linear_value_head_dim"),
        kernel=config.count_or(4, "linear_conv_kernel_dim"),
    )


def _default_kv(config: Config, query: int) -> int:
    return 1 if config.flag("multi_query") else query
