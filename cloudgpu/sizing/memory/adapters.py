"""LoRA slots: the engine reserves every slot at the largest rank for every module it could adapt."""

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.shape import Architecture, Matrix

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What `--max-lora-rank` may be; an adapter of another rank takes the next one."""

_PARTS = {"qkv_proj": 3, "gate_up_proj": 2, "w13": 2, "fused_qkv_a_proj": 2, "in_proj_qkvz": 2}
"""Parts of a fused tensor: each has a down-projection of its own."""


def slot_rank(rank: int) -> int:
    """The rank at which the engine reserves slots for an adapter of `rank`."""
    return next((allowed for allowed in RANKS if rank <= allowed), rank)


def check_rank(rank: int | None) -> None:
    """Raise UsageError for an adapter of a rank that the engine has no slots for."""
    if rank is not None and rank > RANKS[-1]:
        raise UsageError(
            f"vllm serves adapters up to rank {RANKS[-1]}, not {rank}",
            hint=f"use an adapter of rank {RANKS[-1]} or less",
        )


def adapter_bytes(architecture: Architecture, rank: int | None, slots: int, tensor_parallel: int = 1) -> float:
    """Bytes of the reserved LoRA slots on one GPU; 0 without adapters.

    Source: vLLM allocates A (rank x in) and B (out x rank) in 16 bit for every matrix of every layer and every expert,
    whatever an adapter's targets are; only what the matrix itself shares out is shared out. Seen: +0.07 GiB for
    Mistral-7B at rank 16, +0.13 GiB for Qwen2.5-14B.
    """
    if rank is None:
        return 0.0
    widths = sum(_width(matrix, tensor_parallel, architecture.kv_heads) for matrix in architecture.matrices)
    return 2.0 * slots * slot_rank(rank) * widths


def _width(matrix: Matrix, ranks: int, kv_heads: int) -> float:
    inputs, outputs = matrix.share(ranks, kv_heads)
    parts = _PARTS.get(matrix.name.rpartition(".")[2], 1)
    return matrix.layers * matrix.experts * (parts * inputs + outputs)
