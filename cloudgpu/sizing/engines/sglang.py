"""SGLang: a static share of the card for weights and cache, the rest for everything else.

Source: `server_args` of 0.5, and start-up logs of 0.2 to 0.5: the cache is the static share of what was free before the
weights were loaded, less the weights (2.84 GiB logged for QwQ-32B on four 24 GB cards at 0.85, 2.85 by this).
"""

from math import floor

from cloudgpu.sizing.engines.profile import Card, EngineProfile, plain_profile

NAME = "sglang"
DEFAULT_VERSION = "0.5.23"
FORMATS = frozenset({"awq", "gptq", "gptq-int8", "fp8", "fp8-channel", "int8", "mxfp4", "nvfp4", "bitsandbytes"})

VISION_SHARE = 0.95
LATENT_RESERVE_MIB = 1536
LARGE_CARD_GIB, LEAST_ON_LARGE_MIB = 60, 10 * 1024


def profile(version: str | None = None) -> EngineProfile:
    """A release of SGLang; its share of the card follows the card, `static_share` tells."""
    number = version or DEFAULT_VERSION
    return plain_profile(NAME, number, f"lmsysorg/sglang:v{number}", FORMATS, min_capability="7.5")


def batching(card: Card) -> tuple[int, int]:
    """(tokens of a prefill chunk, largest decode batch with a graph) that SGLang chooses for a card."""
    for below_gib, chunk, batch in ((20, 2048, 8), (35, 4096, 48), (60, 4096, 32), (160, 8192, 256)):
        if card.total_gib < below_gib:
            return chunk, batch
    return 16384, 512


def static_share(card: Card, gpus: int = 1, *, has_latent: bool = False, has_vision: bool = False) -> float:
    """`mem_fraction_static` when nobody sets it: the card less what activations and graphs want."""
    chunk, batch = batching(card)
    reserve_mib = 512 + 1.5 * max(chunk, 2048) + gpus / 8 * 1024 + 2 * batch
    reserve_mib += LATENT_RESERVE_MIB if has_latent else 0
    if card.total_gib > LARGE_CARD_GIB:
        reserve_mib = max(reserve_mib, LEAST_ON_LARGE_MIB)
    share = 1 - reserve_mib / 1024 / card.total_gib
    return max(floor(1000 * share * (VISION_SHARE if has_vision else 1)) / 1000, 0.0)
