"""A model as sizing knows it, and the repository to serve of it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cloudgpu.base.errors import UsageError
from cloudgpu.base.units import gb_from_bytes
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.number_formats import (
    bytes_per_16_bit,
    canonical_quantization,
    checkpoint_bytes,
    is_plain,
    made_on_loading,
    same_method,
)
from cloudgpu.sizing.shape import Architecture

if TYPE_CHECKING:  # names of the catalogue have no headers and start without them
    from cloudgpu.sizing.stored import StoredWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The repository to serve for a quantisation.

    `online`: the engine quantises while it loads. `published`: somebody publishes this checkpoint, and a row of our
    catalogue says who. `download_gb` is the traffic of fetching it, in GB.
    """

    repo_id: str
    quantization: str | None
    online: bool
    download_gb: float
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One checkpoint and what sizing needs to know of it.

    `short_name` is what a person types and the default name of a deployment; unique over the catalogue. `quantization`
    is what the checkpoint itself is, None for 16 or 32 bit. `parameters_stored` is the count that the published files
    hold, duplicates and all; None when nobody published it. `source` says where the figures come from, `weights_source`
    in a few words what the weights rest on. `stored` is what the checkpoint's own headers say, None when they were not
    read; `notes` are sentences about what is only guessed. `group_size` is that of the quantised checkpoint where it
    says one, `kept_modules` the module names that it leaves in 16 bit.
    """

    model_id: str
    short_name: str
    aliases: tuple[str, ...]
    dtype: str
    quantization: str | None
    base_id: str | None
    parameters_stored: int | None
    architecture: Architecture
    source: str
    weights_source: str
    stored: "StoredWeights | None" = None
    notes: tuple[str, ...] = ()
    group_size: int | None = None
    kept_modules: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Parameters of the whole checkpoint, vision and speculative layers included."""
        return self.architecture.parameters.total

    @property
    def max_context(self) -> int:
        """The longest context the model was made for, in tokens."""
        return self.architecture.max_context

    @property
    def is_encoder(self) -> bool:
        """Whether it embeds or classifies and generates nothing."""
        return self.architecture.is_encoder

    @property
    def attention_heads(self) -> int:
        """Query heads."""
        return self.architecture.attention_heads

    @property
    def kv_heads(self) -> int:
        """Key/value heads."""
        return self.architecture.kv_heads

    @property
    def family(self) -> str:
        """The `model_type` of the config."""
        return self.architecture.family

    def checkpoint(self, quantization: str | None = None, engine: str = "vllm") -> Checkpoint:
        """What to serve for `quantization`; None is the model itself.

        A published quantised repository where we know one; without one the 16-bit repository, where the engine makes
        that format of it as it loads. Raises UsageError when neither is possible.
        """
        wanted = self.asked_format(quantization)
        if wanted is None or wanted == self.quantization:
            return self._itself()
        return self._published(wanted) or self._online(wanted, engine)

    def asked_format(self, quantization: str | None) -> str | None:
        """Our word for the format asked for, None for the checkpoint as it is.

        Raises UsageError for one that we cannot count, and for any but its own of a quantised checkpoint.
        """
        wanted = canonical_quantization(quantization)
        if self.quantization is None or (wanted is None and not is_plain(quantization)):
            return wanted
        if wanted is not None and same_method(wanted, self.quantization):
            return self.quantization
        raise UsageError(
            f"{self.model_id} is already quantised ({self.quantization}) and cannot be served as "
            f"{wanted or quantization}",
            hint=f"leave --quantization out, or name the unquantised model: {self.base_id or 'its base'}",
        )

    def published_quantizations(self) -> tuple[str, ...]:
        """The quantisations of this model for which a published repository is known, in the order of the catalogue."""
        rows = [row["quantization"] for row in read_rows("quantized") if row["base"] == self.model_id]
        return tuple(dict.fromkeys(rows))

    def usual_format(self, served: Collection[str]) -> str | None:
        """The published format to serve where an engine reads only `served` ones.

        None when it reads the model itself, or nobody publishes one of them.
        """
        if (self.quantization or "16 bit") in served:
            return None
        return next((name for name in self.published_quantizations() if name in served), None)

    def stored_as(self, quantization: str | None) -> "StoredWeights | None":
        """What its own files hold, when they are known and served in the format they have; else None."""
        return self.stored if quantization == self.quantization else None

    def _itself(self) -> Checkpoint:
        return self._checkpoint(self.model_id, self.quantization, published=True)

    def _published(self, wanted: str) -> Checkpoint | None:
        for row in read_rows("quantized"):
            if row["base"] == self.model_id and row["quantization"] == wanted:
                return self._checkpoint(row["id"], wanted, published=True)
        return None

    def _online(self, wanted: str, engine: str) -> Checkpoint:
        if wanted in made_on_loading(engine):
            return replace(self._checkpoint(self.model_id, None, published=True), quantization=wanted, online=True)
        raise UsageError(
            f"no published {wanted} checkpoint of {self.model_id} is known",
            hint="give the id of one as the model, or use what the engine makes while it loads: --quantization "
            + " or ".join(made_on_loading(engine)),
        )

    def _checkpoint(self, repo_id: str, quantization: str | None, *, published: bool) -> Checkpoint:
        return Checkpoint(
            repo_id=repo_id,
            quantization=quantization,
            online=False,
            download_gb=round(gb_from_bytes(self._stored_bytes(quantization)), 2),
            published=published,
        )

    def _stored_bytes(self, quantization: str | None) -> float:
        if self.stored is not None and quantization == self.quantization:
            return self.stored.file_bytes
        if quantization is None and self.parameters_stored:
            return self.parameters_stored * bytes_per_16_bit(self.dtype)
        return checkpoint_bytes(self.architecture.parameters, quantization, self.dtype)
