"""How much memory of a GPU a model takes under an engine, and whether it starts."""

from cloudgpu.sizing.memory.estimate import estimate
from cloudgpu.sizing.memory.layout import layout_error
from cloudgpu.sizing.memory.result import MemoryEstimate, Refusal

__all__ = ["MemoryEstimate", "Refusal", "estimate", "layout_error"]
