"""What one GPU has to do for a decode step and for a prompt, in seconds at its nominal figures, and in counts.

Roofline: bytes over bandwidth, operations over peak, and what neither bounds: kernels, all-reduces, sequences.
"""

from dataclasses import dataclass, replace

from cloudgpu.sizing.shape import Architecture, LayerGroup, LayerKind
from cloudgpu.sizing.speed.card import CardSpeed
from cloudgpu.sizing.speed.formats import FormatSpeed
from cloudgpu.sizing.speed.kernels import kernels_per_step
from cloudgpu.sizing.speed.workload import Workload

PLAIN_BYTES = 2
_ALL_REDUCES_PER_LAYER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The model as it is served: its format, bytes of a cached element, the GPUs of a layer, the pipeline stages."""

    architecture: Architecture
    format: FormatSpeed
    cache_bytes: int
    ranks: int
    stages: int
    has_adapter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """The work of one decode step (seconds at nominal speed where the name ends in `_s`) and of one prompt.

    `tile_row_s` is one row through all the experts that are touched: kernels pad an expert's few rows to a tile.
    `unpacked_weights` are those that Marlin unpacks, which has a speed of its own. `others` is how many prompts of
    other requests a request meets for each token it decodes.
    """

    stream_s: float
    unpacked_s: float
    unpacked_weights: float
    cache_s: float
    compute_s: float
    tile_row_s: float
    kernels: int
    all_reduces: int
    link_s: float
    sequences: float
    others: float
    prompt_compute_s: float
    prompt_link_s: float


def loads_of(split: Split, card: CardSpeed, workload: Workload, running: float) -> Loads:
    """The loads with `running` requests at once. A pipeline has its stages work on different requests: each steps with
    its share of them, and a token passes through all stages."""
    batch = max(running / split.stages, 1.0)
    unpacked = _linear_parameters(split) if split.format.is_marlin else 0.0
    link = _link_bytes_per_token(split) / card.link_bytes_per_s if split.ranks > 1 else 0.0
    return Loads(
        stream_s=_plain_weight_bytes(split, batch) / card.bytes_per_s,
        unpacked_s=unpacked * split.format.linear_bytes / card.bytes_per_s,
        unpacked_weights=unpacked,
        cache_s=batch * sequence_bytes(split, workload.mean_tokens) / card.bytes_per_s,
        compute_s=batch * (_token_s(split, card) + 2 * _head_parameters(split) / card.flops),
        tile_row_s=2 * _touched_experts(split, batch) / card.flops,
        kernels=_kernels(split, card),
        all_reduces=_ALL_REDUCES_PER_LAYER * split.architecture.layers if split.ranks > 1 else 0,
        link_s=batch * link,
        sequences=batch,
        others=max(batch - 1, 0.0) / workload.output_tokens,
        prompt_compute_s=workload.prompt_tokens * _token_s(split, card) + _attention_s(split, card, workload),
        prompt_link_s=workload.prompt_tokens * link,
    )


def prompt_loads(split: Split, card: CardSpeed, workload: Workload) -> Loads:
    """The loads of one prompt alone: a step of as many rows as the prompt has tokens."""
    return loads_of(replace(split, stages=1), card, workload, workload.prompt_tokens)


def sequence_bytes(split: Split, tokens: float) -> float:
    """Bytes of cache on one GPU that a sequence of `tokens` has, all stages together; a state is read and written."""
    return sum(group.layers * _kept_bytes(group, split, tokens) for group in split.architecture.layer_groups)


def _kept_bytes(group: LayerGroup, split: Split, tokens: float) -> float:
    if group.kind is LayerKind.RECURRENT:
        return 2 * group.state_bytes / split.ranks
    heads = 1 if group.kind is LayerKind.LATENT else max(group.kv_heads / split.ranks, 1.0)
    kept = tokens if group.grows else min(tokens, group.window or tokens)
    return heads * group.elements_per_head * split.cache_bytes * kept


def _plain_weight_bytes(split: Split, batch: float) -> float:
    """Bytes of weights that one GPU reads in a step of `batch` rows, without those that Marlin unpacks."""
    dense = 0.0 if split.format.is_marlin else _linear_parameters(split) * split.format.linear_bytes
    experts = _touched_experts(split, batch) * split.format.expert_bytes
    plain = (_head_parameters(split) + split.architecture.parameters.small) * PLAIN_BYTES
    return dense + experts + plain


def _linear_parameters(split: Split) -> float:
    parameters, ranks = split.architecture.parameters, split.ranks
    heads = max(split.architecture.kv_heads, 1)
    return parameters.linear / ranks + parameters.kv_linear / min(ranks, heads) + parameters.replicated_linear


def _head_parameters(split: Split) -> float:
    parameters = split.architecture.parameters
    return (parameters.head or parameters.embedding) / split.ranks


def _touched_experts(split: Split, batch: float) -> float:
    """Parameters of the routed experts that at least one of `batch` tokens goes to: E (1 - (1 - k/E)^batch) of them."""
    architecture = split.architecture
    if not architecture.expert_count:
        return 0.0
    missed = 1 - architecture.experts_per_token / architecture.expert_count
    untouched: float = max(missed, 0.0) ** batch
    return architecture.parameters.experts / split.ranks * (1 - untouched)


def _token_s(split: Split, card: CardSpeed) -> float:
    """Multiplications of one token at peak: two operations a weight that it passes, the output head apart."""
    architecture = split.architecture
    share = architecture.experts_per_token / architecture.expert_count if architecture.expert_count else 0.0
    passed = _linear_parameters(split) + architecture.parameters.experts * share / split.ranks
    return 2 * passed / split.format.speedup_on(card.compute_capability) / card.flops


def _attention_s(split: Split, card: CardSpeed, workload: Workload) -> float:
    """Scores and values of a prompt against itself, 4 n²/2 operations a head and dimension; windows see less."""
    architecture, tokens = split.architecture, workload.prompt_tokens
    pairs = sum(group.layers * _pairs(group, tokens) for group in architecture.layer_groups)
    return 4 * architecture.attention_heads / split.ranks * architecture.head_dim * pairs / card.flops


def _pairs(group: LayerGroup, tokens: int) -> float:
    if group.kind is LayerKind.RECURRENT:
        return 0.0
    window = tokens if group.grows else min(group.window or tokens, tokens)
    return window * (tokens - window / 2)


def _link_bytes_per_token(split: Split) -> float:
    """Bytes that a GPU sends for a token: a ring all-reduce of the hidden state, twice a layer."""
    architecture, ranks = split.architecture, split.ranks
    rows = _ALL_REDUCES_PER_LAYER * architecture.layers * architecture.hidden_size * PLAIN_BYTES
    return rows * 2 * (ranks - 1) / ranks


def _kernels(split: Split, card: CardSpeed) -> int:
    """Inputs are rounded only where the card multiplies the format itself."""
    rounds = split.format.quantises_inputs and split.format.speedup_on(card.compute_capability) > 1
    return kernels_per_step(split.architecture, quantises_inputs=rounds, has_adapter=split.has_adapter)
