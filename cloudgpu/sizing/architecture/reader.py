"""The whole of a config.json, put together: decoder layers, embeddings, vision tower, speculative layers."""

from collections.abc import Mapping
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.sizing.architecture.attention import (
    Heads,
    Latent,
    LayerCount,
    delta_net_of,
    heads_of,
    latent_attention,
    latent_of,
    plain_attention,
)
from cloudgpu.sizing.architecture.config import MOST_LAYERS, Config, family_of, text_part
from cloudgpu.sizing.architecture.encoder import FAMILIES as ENCODERS
from cloudgpu.sizing.architecture.encoder import read_encoder
from cloudgpu.sizing.architecture.feedforward import (
    Mixture,
    dense_count,
    dense_width,
    mixture_count,
    mixture_of,
)
from cloudgpu.sizing.architecture.layers import kinds_of, layer_groups
from cloudgpu.sizing.architecture.matrices import Body, matrices
from cloudgpu.sizing.architecture.rope import Rope, rope_of, theta_of
from cloudgpu.sizing.architecture.traits import KNOWN_FAMILIES, Traits, traits_of
from cloudgpu.sizing.architecture.vision import vision_tower
from cloudgpu.sizing.shape import THREEFOLD_POSITIONS, Architecture, LayerKind, ParameterGroups


def read_architecture(raw: Mapping[str, Any]) -> Architecture:
    """The architecture that a config.json (Hugging Face names) describes.

    Counts are exact for the families of the catalogue (a test holds that); an unknown `model_type` counts as a Llama.
    Raises BadFileError when a needed field is missing or absurd.
    """
    outer = Config(raw)
    config = text_part(outer)
    family = family_of(config)
    if family in ENCODERS:
        return read_encoder(family, config)
    return _Decoder(family, config, outer.part("vision_config")).read()


class _Decoder:
    """One reading of a decoder's config."""

    def __init__(self, family: str, config: Config, vision: Config | None) -> None:
        self.family, self.config, self.vision = family, config, vision
        self.hidden = config.count("hidden_size", "n_embd")
        self.layers = config.count("num_hidden_layers", "n_layer")
        if self.layers > MOST_LAYERS:
            raise BadFileError(f"num_hidden_layers in the model config is {self.layers}, more than any model has")
        self.vocab = config.count("vocab_size", "padded_vocab_size")
        self.traits: Traits = traits_of(family, config)
        self.heads: Heads = heads_of(config)
        self.latent: Latent | None = latent_of(config)
        self.delta = delta_net_of(config)
        self.rope: Rope = rope_of(config, has_latent=self.latent is not None)
        self.mixture: Mixture | None = mixture_of(family, config)
        self.dense_width = dense_width(family, config, self.mixture)
        self.kinds = [LayerKind.LATENT] * self.layers if self.latent else kinds_of(family, config, self.layers)

    def read(self) -> Architecture:
        tower = vision_tower(self.family, self.vision, self.hidden)
        mixture = self.mixture
        return Architecture(
            family=self.family,
            layers=self.layers,
            hidden_size=self.hidden,
            intermediate_size=self.dense_width,
            attention_heads=self.heads.query,
            kv_heads=self.heads.kv,
            head_dim=self.heads.dim,
            vocab_size=self.vocab,
            max_context=self.rope.max_context(self._positions()),
            rotary_elements=self._rotary_elements(),
            expert_count=mixture.experts if mixture else 0,
            experts_per_token=mixture.per_token if mixture else 0,
            expert_intermediate_size=mixture.width if mixture else 0,
            shared_intermediate_size=mixture.shared_width if mixture else 0,
            vision_peak_elements=tower.peak_elements if tower else 0,
            is_encoder=False,
            has_vision=tower is not None,
            is_exact=self.family in KNOWN_FAMILIES and (tower is None or tower.is_exact),
            parameters=self._parameters(tower.parameters if tower else 0),
            layer_groups=layer_groups(self.family, self.config, self.layers, self.heads, self.latent, self.delta),
            matrices=matrices(self._tensors()),
            yarn_factor=self.rope.yarn_factor,
            rope_theta=theta_of(self.config),
        )

    def _tensors(self) -> Body:
        return Body(
            hidden=self.hidden,
            layers=self.layers,
            kinds=tuple(self.kinds),
            heads=self.heads,
            wide_heads=self._wide_heads() if self.family == "gemma4" else None,
            shares_kv=self.config.flag("attention_k_eq_v"),
            latent=self.latent,
            delta=self.delta,
            mixture=self.mixture,
            dense_width=self.dense_width,
            traits=self.traits,
        )

    def _parameters(self, vision: int) -> ParameterGroups:
        body = self._body()
        tied = self.config.flag("tie_word_embeddings", _TIED_WHEN_SILENT.get(self.family, False))
        head = 0 if tied or self.config.flag("is_embedding_model") else self.vocab * self.hidden
        extra_rows = 8 if self.family == "mllama" else 0
        norm = self.hidden * (2 if self.traits.norm_bias else 1)
        return ParameterGroups(
            linear=body.linear,
            kv_linear=body.kv_linear,
            replicated_linear=body.replicated_linear,
            experts=body.experts,
            embedding=(self.vocab + extra_rows) * self.hidden,
            head=head,
            small=body.small + norm + (self.vocab if self.traits.head_bias else 0),
            vision=vision,
            mtp=self._speculative(),
        )

    def _body(self) -> LayerCount:
        norms = LayerCount(small=self.traits.norms * self.hidden * (2 if self.traits.norm_bias else 1))
        total = LayerCount()
        for kind in dict.fromkeys(self.kinds):
            total += (self._attention(kind) + norms) * self.kinds.count(kind)
        return total + self._feedforward()

    def _attention(self, kind: LayerKind) -> LayerCount:
        if self.latent:
            return latent_attention(self.hidden, self.heads.query, self.latent)
        if kind is LayerKind.RECURRENT and self.delta:
            return self.delta.count(self.hidden)
        if kind is LayerKind.FULL and self.family == "gemma4":
            return self._gemma4_global()
        count = plain_attention(self.hidden, self.heads, self.traits)
        if kind is LayerKind.CROSS:
            return count + LayerCount(small=2 * self.heads.dim + 2)
        return count + LayerCount(small=self.heads.query) if self.family == "gpt_oss" else count

    def _wide_heads(self) -> Heads:
        return Heads(
            query=self.heads.query,
            kv=self.config.count_or(self.heads.kv, "num_global_key_value_heads"),
            dim=self.config.count_or(self.heads.dim, "global_head_dim"),
        )

    def _gemma4_global(self) -> LayerCount:
        heads = self._wide_heads()
        shared = self.config.flag("attention_k_eq_v")
        return plain_attention(self.hidden, heads, self.traits, shared_kv=shared)

    def _feedforward(self) -> LayerCount:
        mixture = self.mixture
        dense = dense_count(self.hidden, self.dense_width, self.traits)
        if mixture is None:
            return dense * self.layers
        mixed = mixture.mixture_layers(self.layers)
        dense_layers = self.layers if mixture.beside_dense else self.layers - mixed
        return mixture_count(self.hidden, mixture) * mixed + dense * dense_layers

    def _speculative(self) -> int:
        """Multi-token prediction: a full-attention layer and the projection that feeds it, as the families store it."""
        layers = self.config.count_or(0, "num_nextn_predict_layers", "mtp_num_hidden_layers")
        if not layers:
            return 0
        norms = self.traits.norms * self.hidden
        mixed = mixture_count(self.hidden, self.mixture) if self.mixture else None
        feed = mixed or dense_count(self.hidden, self.dense_width, self.traits)
        layer = self._attention(LayerKind.FULL).total + norms + feed.total
        tables = 2 * self.vocab * self.hidden if self.family in _MTP_WITH_TABLES else 0
        return layers * (layer + 2 * self.hidden * self.hidden + 3 * self.hidden + tables)

    def _rotary_elements(self) -> int:
        """Rope caches: every position of the model times the rotated part of a head, once a kind of rope.

        Positions of image and video are three-fold: vLLM keeps four times as many. Seen: 4.24 GiB for Qwen3-VL-2B with
        2,048 tokens a step, 4.24 by this.
        """
        partial = self.config.number_or(1.0, "partial_rotary_factor")
        width = self.latent.rope if self.latent else int(self.heads.dim * partial)
        cached = int(self._positions() * self.rope.linear_factor) * width
        if self.family == "gemma3":
            return cached + self._positions() * width
        if self.family == "gemma4":
            return cached + self._positions() * self._wide_heads().dim
        return cached * (4 if self.family in THREEFOLD_POSITIONS else 1)

    def _positions(self) -> int:
        return self.config.count_or(2048, "max_position_embeddings", "seq_length", "n_positions")


_TIED_WHEN_SILENT = {
    "gemma": True,
    "gemma2": True,
    "gemma3": True,
    "gemma4": True,
    "cohere": True,
    "cohere2": True,
    "falcon": True,
    "phi3small": True,
}

_MTP_WITH_TABLES = frozenset({"deepseek_v3", "glm4_moe", "glm4_moe_lite"})
