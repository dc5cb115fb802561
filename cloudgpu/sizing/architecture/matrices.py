"""The weight tensors of a decoder's layers as vLLM holds them: fused projections, one tensor for all experts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cloudgpu.sizing.architecture.attention import DeltaNet, Heads, Latent
from cloudgpu.sizing.architecture.feedforward import Mixture
from cloudgpu.sizing.architecture.traits import Traits
from cloudgpu.sizing.shape import LayerKind, Matrix, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What of a config decides the tensors of its layers; `wide_heads` are full attention's where they differ."""

    hidden: int
    layers: int
    kinds: tuple[LayerKind, ...]
    heads: Heads
    wide_heads: Heads | None
    shares_kv: bool
    latent: Latent | None
    delta: DeltaNet | None
    mixture: Mixture | None
    dense_width: int
    traits: Traits


def matrices(body: Body) -> tuple[Matrix, ...]:
    """Every kind of tensor, attention first; their elements add up to the linear and the expert parameters."""
    return (*_attention(body), *_feedforward(body))


def _attention(body: Body) -> Iterator[Matrix]:
    if body.latent:
        yield from _latent(body, body.latent)
        return
    for kind in dict.fromkeys(body.kinds):
        count = body.kinds.count(kind)
        if kind is LayerKind.RECURRENT and body.delta:
            yield from _delta(body, body.delta, count)
        elif kind is LayerKind.FULL and body.wide_heads:
            yield from _plain(body, body.wide_heads, count, shares_kv=body.shares_kv)
        else:
            yield from _plain(body, body.heads, count, shares_kv=False)


def _plain(body: Body, heads: Heads, count: int, *, shares_kv: bool) -> Iterator[Matrix]:
    query = heads.query * heads.dim * (2 if body.traits.output_gate else 1)
    keys = heads.kv * heads.dim * (1 if shares_kv else 2)
    yield _over_all(body, "self_attn.qkv_proj", count, body.hidden, query + keys, kv_outputs=keys)
    yield _over_all(body, "self_attn.o_proj", count, heads.query * heads.dim, body.hidden, Split.INPUTS)


def _delta(body: Body, delta: DeltaNet, count: int) -> Iterator[Matrix]:
    keys, values = delta.key_heads * delta.key_dim, delta.value_heads * delta.value_dim
    yield _over_all(body, "linear_attn.in_proj_qkvz", count, body.hidden, 2 * keys + 2 * values)
    yield _over_all(body, "linear_attn.out_proj", count, values, body.hidden, Split.INPUTS)


def _latent(body: Body, latent: Latent) -> Iterator[Matrix]:
    heads, layers = body.heads.query, body.layers
    down = latent.q_rank + latent.kv_rank + latent.rope
    yield _over_all(body, "self_attn.fused_qkv_a_proj", layers, body.hidden, down, Split.WHOLE)
    q_width = heads * (latent.nope + latent.rope)
    yield _over_all(body, "self_attn.q_b_proj", layers, latent.q_rank or body.hidden, q_width)
    yield _over_all(body, "self_attn.kv_b_proj", layers, latent.kv_rank, heads * (latent.nope + latent.value))
    yield _over_all(body, "self_attn.o_proj", layers, heads * latent.value, body.hidden, Split.INPUTS)


def _feedforward(body: Body) -> Iterator[Matrix]:
    mixture, layers = body.mixture, body.layers
    if mixture is None:
        yield from _dense(body, "mlp", layers, 0, layers, body.dense_width)
        return
    mixed = mixture.mixture_layers(layers)
    dense = layers if mixture.beside_dense else layers - mixed
    leading = mixture.first_dense and not mixture.beside_dense
    if body.dense_width and dense:
        yield from _dense(body, "mlp", dense, 0, mixture.first_dense if leading else layers, body.dense_width)
    yield from _experts(body, mixture, mixed)


def _experts(body: Body, mixture: Mixture, mixed: int) -> Iterator[Matrix]:
    up = Matrix(
        name="mlp.experts.w13",
        layers=mixed,
        first=mixture.first_dense,
        last=body.layers,
        inputs=body.hidden,
        outputs=2 * mixture.width,
        experts=mixture.experts,
    )
    yield up
    yield replace(up, name="mlp.experts.w2", inputs=mixture.width, outputs=body.hidden, split=Split.INPUTS)
    if mixture.shared_width:
        name = "mlp.shared_experts"
        yield from _dense(body, name, mixed, mixture.first_dense, body.layers, mixture.shared_width, gated=True)


def _dense(
    body: Body, name: str, layers: int, first: int, last: int, width: int, *, gated: bool | None = None
) -> Iterator[Matrix]:
    is_gated = body.traits.gated if gated is None else gated
    up = Matrix(
        name=f"{name}.gate_up_proj" if is_gated else f"{name}.up_proj",
        layers=layers,
        first=first,
        last=last,
        inputs=body.hidden,
        outputs=2 * width if is_gated else width,
    )
    yield up
    yield replace(up, name=f"{name}.down_proj", inputs=width, outputs=body.hidden, split=Split.INPUTS)


def _over_all(
    body: Body, name: str, count: int, inputs: int, outputs: int, split: Split = Split.OUTPUTS, kv_outputs: int = 0
) -> Matrix:
    return Matrix(
        name=name,
        layers=count,
        first=0,
        last=body.layers,
        inputs=inputs,
        outputs=outputs,
        split=split,
        kv_outputs=kv_outputs,
    )
