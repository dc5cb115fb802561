"""Which layers keep everything, which a window, which a state: one list of groups for a model."""

from cloudgpu.sizing.architecture.attention import DeltaNet, Heads, Latent
from cloudgpu.sizing.architecture.config import Config
from cloudgpu.sizing.shape import LayerGroup, LayerKind

CROSS_IMAGE_TOKENS = 6404
"""Llama 3.2 Vision: four tiles of 1,601 patches."""


def layer_groups(
    family: str, config: Config, layers: int, heads: Heads, latent: Latent | None, delta: DeltaNet | None
) -> tuple[LayerGroup, ...]:
    """The groups of a decoder, growing layers first."""
    if latent:
        width = latent.kv_rank + latent.rope
        return (LayerGroup(kind=LayerKind.LATENT, layers=layers, kv_heads=1, elements_per_head=width),)
    kinds = kinds_of(family, config, layers)
    return tuple(
        _group(kind, kinds.count(kind), family, config, heads, delta) for kind in LayerKind if kinds.count(kind)
    )


def kinds_of(family: str, config: Config, layers: int) -> list[LayerKind]:
    """The kind of each layer: from `layer_types` where the config lists them, else by the family's rule."""
    listed = config.texts("layer_types")
    if listed:
        return [_NAMED.get(name, LayerKind.FULL) for name in listed]
    rule = _RULES.get(family)
    return rule(config, layers) if rule else [LayerKind.FULL] * layers


def _group(
    kind: LayerKind, layers: int, family: str, config: Config, heads: Heads, delta: DeltaNet | None
) -> LayerGroup:
    if kind is LayerKind.RECURRENT and delta:
        return LayerGroup(
            kind=kind, layers=layers, kv_heads=delta.value_heads, elements_per_head=0, state_bytes=delta.state_bytes
        )
    kv_heads, dim = heads.kv, heads.dim
    if kind is LayerKind.FULL and family == "gemma4":
        kv_heads = config.count_or(kv_heads, "num_global_key_value_heads")
        dim = config.count_or(dim, "global_head_dim")
    return LayerGroup(
        kind=kind, layers=layers, kv_heads=kv_heads, elements_per_head=2 * dim, window=_window(kind, config)
    )


def _window(kind: LayerKind, config: Config) -> int | None:
    if kind is LayerKind.WINDOW:
        return config.count("sliding_window")
    if kind is LayerKind.CHUNKED:
        return config.count_or(8192, "attention_chunk_size")
    return CROSS_IMAGE_TOKENS if kind is LayerKind.CROSS else None


def _every(step: int, layers: int, each: LayerKind, others: LayerKind) -> list[LayerKind]:
    """`each` at every `step`-th layer, counted from one."""
    return [each if (index + 1) % step == 0 else others for index in range(layers)]


def _mistral(config: Config, layers: int) -> list[LayerKind]:
    return [LayerKind.WINDOW if config.raw.get("sliding_window") else LayerKind.FULL] * layers


def _alternating(_config: Config, layers: int) -> list[LayerKind]:
    return [LayerKind.FULL if index % 2 else LayerKind.WINDOW for index in range(layers)]


def _patterned(config: Config, layers: int) -> list[LayerKind]:
    step = config.count_or(6, "sliding_window_pattern", "_sliding_window_pattern")
    return _every(step, layers, LayerKind.FULL, LayerKind.WINDOW)


def _cohere2(config: Config, layers: int) -> list[LayerKind]:
    step = config.count_or(4, "sliding_window_pattern", "_sliding_window_pattern")
    return _every(step, layers, LayerKind.FULL, LayerKind.WINDOW)


def _hybrid(config: Config, layers: int) -> list[LayerKind]:
    return _every(config.count_or(4, "full_attention_interval"), layers, LayerKind.FULL, LayerKind.RECURRENT)


def _llama4(_config: Config, layers: int) -> list[LayerKind]:
    return _every(4, layers, LayerKind.FULL, LayerKind.CHUNKED)


def _mllama(config: Config, layers: int) -> list[LayerKind]:
    listed = config.raw.get("cross_attention_layers")
    cross = set(listed) if isinstance(listed, list) else set()
    return [LayerKind.CROSS if index in cross else LayerKind.FULL for index in range(layers)]


_NAMED = {
    "full_attention": LayerKind.FULL,
    "sliding_attention": LayerKind.WINDOW,
    "chunked_attention": LayerKind.CHUNKED,
    "linear_attention": LayerKind.RECURRENT,
}

_RULES = {
    "mistral": _mistral,
    "gemma2": _alternating,
    "gpt_oss": _alternating,
    "gemma3": _patterned,
    "gemma4": _patterned,
    "cohere2": _cohere2,
    "qwen3_next": _hybrid,
    "qwen3_5": _hybrid,
    "qwen3_5_moe": _hybrid,
    "llama4": _llama4,
    "mllama": _mllama,
}
