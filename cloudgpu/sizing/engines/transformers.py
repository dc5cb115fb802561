"""Hugging Face transformers with PEFT and bitsandbytes: no pool; every sequence grows its own cache, as long as it
fits.

Source: the modelling code of 4.57 to 5.23 (layers one after the other, a prompt in one pass), bitsandbytes 0.45 and
newer.
"""

from cloudgpu.sizing.engines.profile import EngineProfile, plain_profile

NAME = "transformers"
DEFAULT_VERSION = "5.23.0"
FORMATS = frozenset(
    {"awq", "gptq", "gptq-int8", "fp8", "fp8-channel", "int8", "mxfp4"}
    | {"bitsandbytes", "bitsandbytes-double", "bitsandbytes-int8"}
)

WORKSPACE_GIB = 0.3
"""cuBLAS and the kernels of bitsandbytes; not measured, 0.2 to 0.4 in reports."""
HIDDEN_ROWS, FEED_FORWARD_ROWS = 4.0, 3.0
"""Rows alive in a feed-forward layer: gate, up and their product, the residual and its norm (attention is fused)."""


def profile(version: str | None = None) -> EngineProfile:
    """A release of transformers; it has no share of the card, it takes what it needs."""
    return plain_profile(NAME, version or DEFAULT_VERSION, "", FORMATS, min_capability="6.0", share=1.0)
