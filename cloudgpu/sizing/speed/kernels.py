"""How many kernels one step launches: what bounds a small model on a fast card.

Counted on the graphs of vLLM's layers. A layer of plain attention: norm, projection, rotation, cache write, attention,
reduction of its parts, output; of latent attention: two down- and two up-projections, two absorbed products and three
norms more or less; of a recurrent layer: convolution, gates, the update and its norm. A dense feed-forward layer: norm,
up, activation, down. A mixture: norm, router, top-k, sorting, two grouped products, activation, the weighted sum and
its copy.
"""

from cloudgpu.sizing.shape import Architecture, LayerKind

_ATTENTION = {LayerKind.LATENT: 12, LayerKind.RECURRENT: 12}
_PLAIN_ATTENTION = 7
_DENSE, _MIXTURE, _SHARED_EXPERT = 4, 9, 3
_INPUTS_QUANTISED = {LayerKind.LATENT: 3}
_ADAPTER = 8
"""Shrink and expand for each of the four fused projections."""


def kernels_per_step(architecture: Architecture, *, quantises_inputs: bool, has_adapter: bool) -> int:
    """Kernels of all layers in one forward step. `quantises_inputs`: the format rounds the inputs of its matrices
    first."""
    extra = _ADAPTER if has_adapter else 0
    attention = sum(_attention(group.kind, quantises_inputs) * group.layers for group in architecture.layer_groups)
    return attention + _feed_forward(architecture, quantises_inputs) + extra * architecture.layers


def _attention(kind: LayerKind, quantises_inputs: bool) -> int:
    rounded = _INPUTS_QUANTISED.get(kind, 2) if quantises_inputs else 0
    return _ATTENTION.get(kind, _PLAIN_ATTENTION) + rounded


def _feed_forward(architecture: Architecture, quantises_inputs: bool) -> int:
    """Mixtures are counted in every layer of a mixture model: its few dense layers cost about the same."""
    rounded = 2 if quantises_inputs else 0
    if not architecture.expert_count:
        return architecture.layers * (_DENSE + rounded)
    shared = _SHARED_EXPERT if architecture.shared_intermediate_size else 0
    return architecture.layers * (_MIXTURE + rounded + shared)
