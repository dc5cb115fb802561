"""Weights on one GPU where the checkpoint's own headers are known: they overrule what its config implies."""

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

from cloudgpu.sizing.shape import Architecture

if TYPE_CHECKING:
    from cloudgpu.sizing.stored import StoredWeights

VOCAB_MULTIPLE = 64
PLAIN_AGREEMENT, PACKED_AGREEMENT = 0.01, 0.05
"""How near arithmetic must come to the headers to be taken for the same weights: what torch's allocator adds in 16 bit,
and what engines add when they repack quantised matrices."""


def reconciled_bytes(
    stored: "StoredWeights",
    architecture: Architecture,
    plain_bytes: int,
    by_config: Callable[[int, int], float],
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
) -> float:
    """Bytes of weights on the fullest GPU of the split, by the headers.

    `by_config` gives the same from the config for a split of (tensor parallel, pipeline parallel); it knows how the
    engine repacks and pads, so it is the answer wherever the headers confirm it.
    """
    tolerance = PACKED_AGREEMENT if stored.is_packed else PLAIN_AGREEMENT
    by_headers = stored_weights_bytes(stored, architecture, plain_bytes)
    if abs(by_config(1, 1) - by_headers) <= tolerance * by_headers and architecture.is_exact:
        return by_config(tensor_parallel, pipeline_parallel)
    return stored_weights_bytes(stored, architecture, plain_bytes, tensor_parallel, pipeline_parallel)


def stored_weights_bytes(
    stored: "StoredWeights",
    architecture: Architecture,
    plain_bytes: int,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
) -> float:
    """The files' own bytes split as an engine splits them: scales of any group size, layers left in 16 bit, any format.

    Norms, routers and the down-projections of latent attention are whole on every GPU, key and value heads are shared
    out down to one.
    """
    ranks = tensor_parallel
    body = (
        (stored.linear.loaded_bytes(plain_bytes) + stored.experts.loaded_bytes(plain_bytes)) / ranks
        + stored.kv_linear.loaded_bytes(plain_bytes) / min(ranks, architecture.kv_heads)
        + stored.replicated_linear.loaded_bytes(plain_bytes)
        + stored.small.loaded_bytes(plain_bytes)
        + stored.vision.loaded_bytes(plain_bytes) / ranks
    )
    stage = ceil(architecture.layers / pipeline_parallel) / architecture.layers
    embedding, head = stored.embedding.loaded_bytes(plain_bytes), stored.head.loaded_bytes(plain_bytes)
    ends = embedding + head if pipeline_parallel == 1 else max(embedding, head)
    return body * stage + ends * _vocabulary_share(architecture.vocab_size, ranks) + architecture.rotary_elements * 2


def _vocabulary_share(vocab: int, ranks: int) -> float:
    """A shared vocabulary is padded before it is cut."""
    return 1.0 if ranks == 1 else ceil(vocab / VOCAB_MULTIPLE) * VOCAB_MULTIPLE / vocab / ranks
