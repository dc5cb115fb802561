"""From a Hugging Face config.json to the figures memory rests on: exact parameter counts, layer groups."""

from cloudgpu.sizing.architecture.reader import read_architecture

__all__ = ["read_architecture"]
