"""What the profile run takes for images: as many of the largest as one step could bring, or one long video."""

from cloudgpu.base.units import GIB
from cloudgpu.sizing.memory.load import Load
from cloudgpu.sizing.shape import Architecture

LARGEST_ITEM_TOKENS = {
    "qwen2_vl": 16384,
    "qwen2_5_vl": 16384,
    "qwen3_vl": 16384,
    "qwen3_vl_moe": 16384,
    "qwen3_5": 16384,
    "qwen3_5_moe": 16384,
    "gemma3": 256,
}
"""Tokens of the largest image a processor lets through by default. Other families: one fixed batch, as catalogued."""

VIDEO_FRAMES = {"qwen2_vl": 7, "qwen2_5_vl": 7}
"""Pairs of frames, each as large as the largest image, of the longest video that vLLM profiles (14 frames; source: its
`_MAX_FRAMES_PER_VIDEO`). The later families' videos are smaller than their largest image."""

DEEPSTACK_LEVELS = {"qwen3_vl": 3, "qwen3_vl_moe": 3}
"""Layers of the tower whose output goes into the text model besides its last."""

PIXELS_PER_TOKEN = {"qwen2_vl": 28 * 28, "qwen2_5_vl": 28 * 28}
"""Four patches are one token: of 14 pixels here, of 16 in the later families of Qwen."""

_LATER_PIXELS_PER_TOKEN = 32 * 32
_CATALOGUED_TOKENS = {"gemma3": 8 * 256}
MOST_IMAGES = 999
"""vLLM's own limit of images a prompt."""


def vision_peak_gib(architecture: Architecture, load: Load) -> float:
    """Peak of encoding images on one GPU; 0 for text models and with an image limit of 0, which skips the profile.

    Source: vLLM's encoder budget is one step's tokens, or the largest item when that is longer; it profiles as many
    items as fit, at most the limit of every sequence. Seen with the older runner of 0.25.1: 1.92 GiB for one image of
    Qwen2.5-VL-7B (1.90 by this), 3.80 for a video of 32,768 tokens (3.79), 2.29 for one image of Qwen3-VL-8B (2.26).
    """
    base_gib = architecture.vision_peak_elements * load.element_bytes / GIB
    if not _profiled_tokens(architecture, load):
        return base_gib if architecture.has_vision and load.image_limit != 0 else 0.0
    known = _CATALOGUED_TOKENS.get(architecture.family, LARGEST_ITEM_TOKENS[architecture.family])
    return base_gib * _profiled_tokens(architecture, load) / known


def encoded_gib(architecture: Architecture, load: Load) -> float:
    """What the profiled images were encoded to, which the engine keeps for the text model; 0 for text models."""
    rows = _profiled_tokens(architecture, load) * (1 + DEEPSTACK_LEVELS.get(architecture.family, 0))
    return rows * architecture.hidden_size * load.element_bytes / GIB


def deepstack_buffer_bytes(architecture: Architecture, load: Load) -> float:
    """The buffer of one step for the tower's middle layers, counted with the weights.

    Seen: Qwen3-VL-8B loads 0.32 GiB more with 16,384 tokens a step than with 2,048; 0.33 by this.
    """
    levels = DEEPSTACK_LEVELS.get(architecture.family, 0) if architecture.has_vision else 0
    return float(levels * load.tokens * architecture.hidden_size * load.element_bytes)


def _profiled_tokens(architecture: Architecture, load: Load) -> int:
    """Tokens of all items the profile run encodes at once; 0 for text models and families without a known item."""
    item = LARGEST_ITEM_TOKENS.get(architecture.family)
    if item is None or not architecture.has_vision or load.image_limit == 0:
        return 0
    item = min(item, _tokens_of(architecture.family, load.max_pixels) or item)
    if load.image_limit is None and architecture.family in VIDEO_FRAMES:
        video = min(VIDEO_FRAMES[architecture.family], max(load.context // item, 1)) * item
        return max(load.tokens // video, 1) * video
    limit = MOST_IMAGES if load.image_limit is None else load.image_limit
    return item * max(1, min(load.tokens // item, limit * load.sequences))


def _tokens_of(family: str, pixels: int | None) -> int | None:
    if pixels is None or not family.startswith("qwen"):
        return None
    return max(pixels // PIXELS_PER_TOKEN.get(family, _LATER_PIXELS_PER_TOKEN), 1)
