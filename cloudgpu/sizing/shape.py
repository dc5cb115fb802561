"""What of a model decides its memory: parameters by how an engine stores them, layers by what they keep for a token."""

from dataclasses import dataclass
from enum import StrEnum


class LayerKind(StrEnum):
    """What a layer keeps of a sequence: everything, a window, a compressed latent, or a state of fixed size."""

    FULL = "full"
    WINDOW = "window"
    CHUNKED = "chunked"
    LATENT = "latent"
    RECURRENT = "recurrent"
    CROSS = "cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGroup:
    """Layers that keep the same thing.

    `elements_per_head` counts keys and values together, for one token. `window` is the tokens kept by windowed and
    chunked layers, the image tokens of cross attention, else None. `state_bytes` is a recurrent layer's state for one
    sequence (0 for the others).
    """

    kind: LayerKind
    layers: int
    kv_heads: int
    elements_per_head: int
    window: int | None = None
    state_bytes: int = 0

    @property
    def grows(self) -> bool:
        """Whether every further token takes more memory."""
        return self.kind in (LayerKind.FULL, LayerKind.LATENT)


class Split(StrEnum):
    """How tensor parallelism shares a matrix out: by its outputs, by its inputs, or not at all."""

    OUTPUTS = "outputs"
    INPUTS = "inputs"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A kind of weight tensor as an engine holds it: fused where the engine fuses, one a layer.

    `layers` of the layers `first` to `last` (exclusive) have it, evenly spread. `kv_outputs` of the outputs are keys
    and values, which are shared out down to one head. `experts` above 1 is a mixture's tensor, all experts in one.
    """

    name: str
    layers: int
    first: int
    last: int
    inputs: int
    outputs: int
    split: Split = Split.OUTPUTS
    kv_outputs: int = 0
    experts: int = 1

    @property
    def elements(self) -> int:
        """Weights of all its layers."""
        return self.layers * self.experts * self.inputs * self.outputs

    def share(self, ranks: int, kv_heads: int) -> tuple[float, float]:
        """(inputs, outputs) of one layer's tensor on one of `ranks` GPUs; fractions where they do not divide."""
        if self.split is Split.INPUTS:
            return self.inputs / ranks, self.outputs
        if self.split is Split.WHOLE:
            return self.inputs, self.outputs
        return self.inputs, (self.outputs - self.kv_outputs) / ranks + self.kv_outputs / min(ranks, kv_heads)

    def layers_within(self, start: int, stop: int) -> float:
        """How many of its layers lie in the pipeline stage of layers `start` to `stop` (exclusive)."""
        overlap = max(min(stop, self.last) - max(start, self.first), 0)
        return self.layers * overlap / (self.last - self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroups:
    """Parameter counts by how an engine quantises and shards them; they add up to the checkpoint.

    linear: attention and feed-forward matrices, shared experts: quantised, split by tensor parallelism.
    kv_linear: key and value projections: quantised, split down to one KV head.
    replicated_linear: the down-projections of latent attention: quantised, whole on every GPU.
    experts: routed experts: quantised, split. embedding, head: 16 bit, split by vocabulary; head 0 when tied.
    small: norms, biases, routers, gates, convolutions: 16 bit, whole on every GPU. vision: 16 bit, split.
    mtp: speculative layers, in the file but not loaded.
    """

    linear: int
    kv_linear: int
    replicated_linear: int
    experts: int
    embedding: int
    head: int
    small: int
    vision: int = 0
    mtp: int = 0

    @property
    def quantisable(self) -> int:
        """Parameters that a 4 or 8 bit checkpoint stores small."""
        return self.linear + self.kv_linear + self.replicated_linear + self.experts

    @property
    def loaded(self) -> int:
        """Parameters that an engine keeps on the GPU."""
        return self.quantisable + self.embedding + self.head + self.small + self.vision

    @property
    def total(self) -> int:
        """Parameters of the whole checkpoint."""
        return self.loaded + self.mtp


THREEFOLD_POSITIONS = frozenset({"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"})
"""Families whose images and videos have positions in three dimensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The figures of a model that memory and speed rest on.

    `intermediate_size` is that of the widest dense feed-forward layer (0 when every layer is a mixture), the `expert_*`
    fields are 0 without a mixture. `rotary_elements` is the size of all rope caches together. `vision_peak_elements` is
    what the vision tower holds at once for its largest input. `matrices` are the tensors behind the linear and the
    expert parameters (none for encoders); `yarn_factor` what its config stretches positions by, `rope_theta` its rope
    base where the config says one. `is_exact` is False when the family is not one that we have counted, so that
    parameters are those of the nearest form.
    """

    family: str
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    max_context: int
    rotary_elements: int
    expert_count: int
    experts_per_token: int
    expert_intermediate_size: int
    shared_intermediate_size: int
    vision_peak_elements: int
    is_encoder: bool
    has_vision: bool
    is_exact: bool
    parameters: ParameterGroups
    layer_groups: tuple[LayerGroup, ...]
    matrices: tuple[Matrix, ...] = ()
    yarn_factor: float = 1.0
    rope_theta: int | None = None

    @property
    def is_plain_text(self) -> bool:
        """Text only, and every layer keeps everything: what the newer model runner of vLLM serves."""
        return not self.has_vision and not self.is_encoder and all(group.grows for group in self.layer_groups)
