"""What an engine computes in its profile run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Tokens and sequences of one step, the longest sequence (`context`), the split, width of an element and images.

    `packs_activations`: the format's kernels take their input in one byte; `grouped_kernels`: those of its experts need
    no workspace (MXFP4). `image_limit` and `max_pixels` None leave images to the engine's and the processor's limits.
    """

    tokens: int
    sequences: int
    context: int
    ranks: int = 1
    element_bytes: int = 2
    packs_activations: bool = False
    grouped_kernels: bool = False
    image_limit: int | None = None
    max_pixels: int | None = None
