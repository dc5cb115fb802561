"""Weights on one GPU: exact tensors, in the form the engine keeps them, split, as torch's allocator holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.kept_modules import kept_layers
from cloudgpu.sizing.memory.allocator import held_bytes
from cloudgpu.sizing.number_formats import GGUF_BITS, Storage
from cloudgpu.sizing.shape import THREEFOLD_POSITIONS, Architecture, Matrix

PADDED_WIDTH = 128
"""Up to 0.19 the MXFP4 kernels want widths in steps of 128 and 256: gpt-oss' 2,880 become 2,944 and 3,072 (13.72 GiB
logged for the 20b). Later ones pad the scales alone (61.29 logged for the 120b against 60.77 in its files)."""

VOCAB_MULTIPLE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRules:
    """How the weights of one checkpoint are kept: the format, what stays plain, the split.

    `storage` None is 16 (or 32) bit; `kept` are module names that stay plain whatever the format; `expert_parallel`
    shares whole experts out instead of cutting each; `yarn_factor` is what the rope is stretched by. `speculates`: the
    MTP layers are loaded too.
    """

    storage: Storage | None
    quantization: str | None
    plain_bytes: int
    kept: tuple[str, ...] = ()
    ranks: int = 1
    stages: int = 1
    expert_parallel: bool = False
    yarn_factor: float = 1.0
    speculates: bool = False


def weights_bytes(architecture: Architecture, rules: WeightRules, profile: EngineProfile) -> float:
    """Bytes of weights on the fullest GPU of the split.

    Source: the sharding rules of vLLM's layers; engine = parameters loaded + rope caches + what repacking and the
    allocator add. Files in GGUF are counted by their bits, whole.
    """
    if rules.quantization in GGUF_BITS:
        return architecture.parameters.loaded * GGUF_BITS[rules.quantization] / 8 / rules.ranks / rules.stages
    stages = stage_layers(architecture.layers, rules.stages)
    return max(_stage_bytes(architecture, rules, profile, stages, index) for index in range(len(stages)))


def stage_layers(layers: int, stages: int) -> list[tuple[int, int]]:
    """(first layer, one past the last) of each pipeline stage: what is left over goes to the stages before the last."""
    counts = [layers // stages] * stages
    for extra in range(2, layers % stages + 2):
        counts[-extra] += 1
    starts = [sum(counts[:index]) for index in range(stages)]
    return [(start, start + count) for start, count in zip(starts, counts, strict=True)]


def _stage_bytes(
    architecture: Architecture,
    rules: WeightRules,
    profile: EngineProfile,
    stages: Sequence[tuple[int, int]],
    index: int,
) -> float:
    start, stop = stages[index]
    parameters = architecture.parameters
    body = sum(
        matrix.layers_within(start, stop) * _layer_bytes(matrix, rules, profile, architecture)
        for matrix in architecture.matrices
    )
    uncounted = 0 if architecture.matrices else parameters.quantisable
    shared = (parameters.small + uncounted / rules.ranks) * (stop - start) / architecture.layers
    first, last = index == 0, index == len(stages) - 1
    tower = parameters.vision / rules.ranks if first else 0.0
    ends = _ends_bytes(architecture, rules, first=first, last=last)
    drafts = _speculative_bytes(architecture, rules) if last else 0.0
    return body + drafts + (shared + tower) * rules.plain_bytes + ends + rope_bytes(architecture, rules, profile)


def _speculative_bytes(architecture: Architecture, rules: WeightRules) -> float:
    """MTP layers, in the checkpoint's own format, on the last stage of a pipeline; 0 when nothing is drafted."""
    if not rules.speculates:
        return 0.0
    each = rules.storage.bytes_per_weight() if rules.storage else rules.plain_bytes
    return architecture.parameters.mtp * each / rules.ranks


def rope_bytes(architecture: Architecture, rules: WeightRules, profile: EngineProfile) -> float:
    """The rope cache in 16 bit: as long as the stretched context, and since 0.24 stretched once more.

    Seen: +0.02 GiB for Qwen3-30B-A3B with YaRN 4 on 0.8.5, +0.147 for Qwen3-32B on 0.25.1 (0.146 by this). Threefold
    positions are four times as many already: a stretch of theirs was not measured, and is not counted.
    """
    if architecture.family in THREEFOLD_POSITIONS:
        return architecture.rotary_elements * 2.0
    stretch = rules.yarn_factor ** (2 if profile.release >= (0, 24) else 1)
    return architecture.rotary_elements * 2 * stretch


def _layer_bytes(matrix: Matrix, rules: WeightRules, profile: EngineProfile, architecture: Architecture) -> float:
    """Bytes of one layer's tensor, its layers that stay plain averaged in."""
    plain = Storage(weight_bits=8 * rules.plain_bytes)
    storage = rules.storage
    if storage is None or (rules.quantization == "mxfp4" and matrix.experts == 1):
        return _tensor_bytes(matrix, plain, rules, architecture)
    share = kept_layers(matrix, rules.kept)
    small = _tensor_bytes(_padded(matrix, rules, profile), storage, rules, architecture) if share < 1 else 0.0
    return share * (_tensor_bytes(matrix, plain, rules, architecture) if share else 0.0) + (1 - share) * small


def _tensor_bytes(matrix: Matrix, storage: Storage, rules: WeightRules, architecture: Architecture) -> float:
    experts, ranks = matrix.experts, rules.ranks
    if experts > 1 and rules.expert_parallel:
        experts, ranks = ceil(experts / ranks), 1
    inputs, outputs = matrix.share(ranks, architecture.kv_heads)
    return sum(held_bytes(size) for size in storage.tensor_bytes(inputs, outputs, experts) if size)


def _padded(matrix: Matrix, rules: WeightRules, profile: EngineProfile) -> Matrix:
    if rules.quantization != "mxfp4" or not profile.pads_mxfp4:
        return matrix
    if matrix.name.endswith("w13"):
        width = 2 * _up(matrix.outputs // 2, PADDED_WIDTH)
        return replace(matrix, inputs=_up(matrix.inputs, 2 * PADDED_WIDTH), outputs=width)
    hidden = _up(matrix.outputs, 2 * PADDED_WIDTH)
    return replace(matrix, inputs=_up(matrix.inputs, PADDED_WIDTH), outputs=hidden)


def _up(width: int, multiple: int) -> int:
    return ceil(width / multiple) * multiple


def _ends_bytes(architecture: Architecture, rules: WeightRules, *, first: bool, last: bool) -> float:
    """Embedding and output head: the first and the last stage of a pipeline hold one each; a tied head is the same."""
    parameters = architecture.parameters
    embedding = _vocabulary_share(parameters.embedding, architecture.vocab_size, rules.ranks)
    head = _vocabulary_share(
        parameters.head or (0 if first else parameters.embedding), architecture.vocab_size, rules.ranks
    )
    total = (embedding if first else 0.0, head if last else 0.0)
    return sum(held_bytes(count * rules.plain_bytes) for count in total if count)


def _vocabulary_share(count: int, vocab: int, ranks: int) -> float:
    if ranks == 1:
        return float(count)
    padded = ceil(vocab / VOCAB_MULTIPLE) * VOCAB_MULTIPLE
    return count * padded / vocab / ranks
