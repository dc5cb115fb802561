"""Tensors added up by part, with what an engine does not load taken out."""

from collections import Counter
from collections.abc import Iterable

from cloudgpu.sizing.checkpoint.parts import FUSED_QKV, UNUSED, part_of
from cloudgpu.sizing.checkpoint.tensor import StoredTensor
from cloudgpu.sizing.shape import Architecture
from cloudgpu.sizing.stored import PARTS, StoredPart, StoredWeights


def tally(tensors: Iterable[StoredTensor], architecture: Architecture, origin: str) -> StoredWeights:
    """The stored weights of a model of that architecture.

    Tied embeddings (`parameters.head` is 0) are loaded once, whatever the files hold. Source: vLLM's loaders, checked
    against "model loading took" lines.
    """
    elements: Counter[str] = Counter()
    packed: Counter[str] = Counter()
    unused = total = 0
    parted = [(tensor, _part(tensor, architecture)) for tensor in tensors]
    is_tied = architecture.parameters.head == 0 and any(part == "embedding" for _, part in parted)
    for tensor, part in parted:
        total += tensor.stored_bytes
        if part == UNUSED or (part == "head" and is_tied):
            unused += tensor.stored_bytes
        elif tensor.is_plain:
            elements[part] += tensor.elements
        else:
            packed[part] += tensor.stored_bytes
    _split_fused(elements, architecture)
    _split_fused(packed, architecture)
    parts = {name: StoredPart(elements[name], packed[name]) for name in PARTS}
    return StoredWeights(**parts, unused_bytes=unused, file_bytes=total, origin=origin)


def _part(tensor: StoredTensor, architecture: Architecture) -> str:
    return part_of(tensor.name, len(tensor.shape), architecture.layers, is_encoder=architecture.is_encoder)


def _split_fused(sums: Counter[str], architecture: Architecture) -> None:
    """Queries, keys and values in one matrix: keys and values are 2K of its H + 2K heads."""
    fused = sums.pop(FUSED_QKV, 0)
    heads, kv_heads = architecture.attention_heads, architecture.kv_heads
    for_kv = 0 if architecture.is_encoder else fused * 2 * kv_heads // (heads + 2 * kv_heads)
    sums["kv_linear"] += for_kv
    sums["linear"] += fused - for_kv
