"""What the profile run takes for images: as many of the largest as one step could bring."""

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

PIXELS_PER_TOKEN = {"qwen2_vl": 28 * 28, "qwen2_5_vl": 28 * 28}
"""Four patches are one token: of 14 pixels here, of 16 in the later families of Qwen."""

_LATER_PIXELS_PER_TOKEN = 32 * 32
_CATALOGUED_TOKENS = {"gemma3": 8 * 256}
MOST_IMAGES = 999
"""vLLM's own limit of images a prompt."""


def vision_peak_gib(architecture: Architecture, load: Load) -> float:
    """Peak of encoding images on one GPU; 0 for text models and with an image limit of 0, which skips the profile.

    Source: vLLM's encoder budget is one step's tokens, or the largest item when that is longer; it profiles as many
    items as fit, at most the limit of every sequence.
    """
    if not architecture.has_vision or load.image_limit == 0:
        return 0.0
    base_gib = architecture.vision_peak_elements * load.element_bytes / GIB
    item = LARGEST_ITEM_TOKENS.get(architecture.family)
    if item is None:
        return base_gib
    item = min(item, _tokens_of(architecture.family, load.max_pixels) or item)
    limit = MOST_IMAGES if load.image_limit is None else load.image_limit
    images = max(1, min(load.tokens // item, limit * load.sequences))
    return (
        base_gib * item * images / _CATALOGUED_TOKENS.get(architecture.family, LARGEST_ITEM_TOKENS[architecture.family])
    )


def _tokens_of(family: str, pixels: int | None) -> int | None:
    if pixels is None or not family.startswith("qwen"):
        return None
    return max(pixels // PIXELS_PER_TOKEN.get(family, _LATER_PIXELS_PER_TOKEN), 1)
