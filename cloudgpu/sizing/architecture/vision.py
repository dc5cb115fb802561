"""Vision towers: exact parameters by kind, and what one maximal input takes while it is encoded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloudgpu.sizing.architecture.config import Config

COLOURS = 3

HIDDEN_ROWS, FEED_FORWARD_ROWS = 2.4, 3.3
"""Rows of hidden and feed-forward width alive at the peak of a layer, as in memory/overhead: they were fitted to text
models and hold for towers (1.92, 3.80 and 2.29 GiB logged, 1.90, 3.79 and 2.26 by them)."""


@dataclass(frozen=True, slots=True)
class Tower:
    """Parameters of the tower with its projector; elements it holds at once for its largest input; whether exact."""

    parameters: int
    peak_elements: int
    is_exact: bool = True


def vision_tower(family: str, config: Config | None, text_hidden: int) -> Tower | None:
    """The tower of a multimodal config; None without one. A family we have not counted gets a plain transformer."""
    if config is None:
        return None
    count = _KINDS.get(family)
    depth = config.count_or(0, "depth", "num_hidden_layers")
    if not depth:
        return None
    peak = _peak_elements(family, config)
    if count is None:
        return Tower(_plain_tower(config, text_hidden), peak, is_exact=False)
    return Tower(count(config, text_hidden), peak)


def _peak_elements(family: str, config: Config) -> int:
    """Patches of the largest input, each with its pixels and the rows that a text model's layer keeps as well."""
    patches = 4 * 16384 if family.startswith("qwen") else 8 * 4096
    temporal = 2 if family.startswith("qwen") else 1
    rows = HIDDEN_ROWS * _hidden(config) + FEED_FORWARD_ROWS * _width(config)
    return int(patches * (rows + _patches(config, temporal) / _hidden(config)))


def _qwen2_5_vl(config: Config, text_hidden: int) -> int:
    h, width = _hidden(config), _width(config)
    block = 4 * h * h + 4 * h + 3 * h * width + 2 * width + h + 2 * h
    return _patches(config, temporal=2) + _depth(config) * block + h + _merger(4 * h, text_hidden)


def _qwen3_vl(config: Config, text_hidden: int) -> int:
    h = _hidden(config)
    embed = _patches(config, temporal=2) + h + config.count("num_position_embeddings") * h
    deepstack = len(config.raw.get("deepstack_visual_indexes") or ())
    mergers = _merger(4 * h, text_hidden) * (1 + deepstack) + 2 * h + deepstack * 2 * 4 * h
    return embed + _depth(config) * _biased_block(config) + mergers


def _pixtral(config: Config, text_hidden: int) -> int:
    h = _hidden(config)
    block = 4 * h * h + 3 * h * _width(config) + 2 * h
    projector = h + 4 * h * h + h * text_hidden + text_hidden * text_hidden
    return _patches(config) + h + _depth(config) * block + projector


def _gemma3(config: Config, text_hidden: int) -> int:
    h = _hidden(config)
    positions = (config.count("image_size") // config.count("patch_size")) ** 2
    embed = _patches(config) + h + positions * h
    return embed + _depth(config) * _biased_block(config) + 2 * h + h * text_hidden + h


def _llama4(config: Config, text_hidden: int) -> int:
    h = _hidden(config)
    positions = (config.count("image_size") // config.count("patch_size")) ** 2 + 1
    embed = _patches(config) + h + positions * h + 4 * h
    inner = config.count("vision_output_dim")
    adapter = _width(config) * config.count("projector_input_dim") + inner * inner
    return embed + _depth(config) * _biased_block(config) + adapter + inner * text_hidden


def _mllama(config: Config, text_hidden: int) -> int:
    h, tiles = _hidden(config), config.count("max_num_tiles")
    positions = (config.count("image_size") // config.count("patch_size")) ** 2 + 1
    kinds = config.count_or(9, "supported_aspect_ratios_count")
    tile_embeddings = 2 * (kinds * tiles * h + 1) + kinds * tiles * positions * h + 1
    block = 4 * h * h + 2 * h * _width(config) + _width(config) + h + 4 * h
    local, global_ = _depth(config), config.count("num_global_layers")
    projector = config.count("vision_output_dim") * text_hidden + text_hidden
    embed = _patches(config) + h + positions * h + tile_embeddings + 4 * h
    return embed + (local + global_) * block + 2 * global_ + projector


def _gemma4(config: Config, text_hidden: int) -> int:
    h, head_dim = _hidden(config), _hidden(config) // config.count("num_heads", "num_attention_heads")
    block = 4 * h * h + 3 * h * _width(config) + 4 * h + 2 * head_dim
    positions = 2 * config.count("position_embedding_size") * h
    return _patches(config) + positions + _depth(config) * block + h * text_hidden


def _plain_tower(config: Config, text_hidden: int) -> int:
    h = _hidden(config)
    return _depth(config) * (_biased_block(config) + h) + h * text_hidden


def _biased_block(config: Config) -> int:
    h, width = _hidden(config), _width(config)
    return 4 * h * h + 4 * h + 2 * h * width + width + h + 4 * h


def _merger(width: int, text_hidden: int) -> int:
    return width * width + width + width * text_hidden + text_hidden


def _patches(config: Config, temporal: int = 1) -> int:
    side = config.count("patch_size", "spatial_patch_size")
    return COLOURS * temporal * side * side * _hidden(config)


def _depth(config: Config) -> int:
    return config.count("depth", "num_hidden_layers")


def _hidden(config: Config) -> int:
    return config.count("hidden_size", "embed_dim")


def _width(config: Config) -> int:
    return config.count_or(4 * _hidden(config), "intermediate_size")


_KINDS: Mapping[str, Callable[[Config, int], int]] = {
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "qwen3_vl_moe": _qwen3_vl,
    "qwen3_5": _qwen3_vl,
    "qwen3_5_moe": _qwen3_vl,
    "mistral3": _pixtral,
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "llama4": _llama4,
    "mllama": _mllama,
}
