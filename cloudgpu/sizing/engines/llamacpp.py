"""llama.cpp: GGUF weights without their embedding table, a cache for all slots, one compute buffer.

Source: its allocator, checked on logs: 68.78 GiB of weights for a 70B in Q8_0 (exact), 4.69 GiB of cache for 15,360
tokens of it (exact), 3.24 GiB of compute buffer for 40 heads and 40,960 tokens without flash attention (3.24 by this).
"""

from cloudgpu.sizing.engines.profile import EngineProfile, plain_profile
from cloudgpu.sizing.number_formats import GGUF_BITS

NAME = "llama.cpp"
DEFAULT_VERSION = "b6500"
FORMATS = frozenset(GGUF_BITS)

UBATCH = 512
"""Tokens computed at once (`--ubatch-size`)."""
MARGIN_GIB = 1.0
"""What `-fit` leaves free on each device before it shortens the context or moves layers to the CPU."""


def profile(version: str | None = None) -> EngineProfile:
    """A build of llama.cpp, as an image of its server; it takes what it needs."""
    number = version or DEFAULT_VERSION
    image = f"ghcr.io/ggml-org/llama.cpp:server-cuda-{number}"
    return plain_profile(NAME, number, image, FORMATS, min_capability="5.0", share=1.0)


def compute_buffer_bytes(hidden: int, vocab: int, intermediate: int, heads: int, context: int, *, flash: bool) -> float:
    """The compute buffer: logits of one batch, or without flash attention its scores against the whole context."""
    logits = UBATCH * 4 * (vocab + 2 * hidden)
    if flash:
        return float(logits)
    return float(max(logits, UBATCH * 4 * (heads * context + intermediate + 4 * hidden)))
