"""What a checkpoint's own files say of its weights: safetensors headers, GGUF headers, from a folder or the Hub."""

from cloudgpu.sizing.checkpoint.contents import ReadCheckpoint, has_weights, read_checkpoint
from cloudgpu.sizing.checkpoint.folder import LocalFiles
from cloudgpu.sizing.checkpoint.repository import Piece, Repository

__all__ = ["LocalFiles", "Piece", "ReadCheckpoint", "Repository", "has_weights", "read_checkpoint"]
