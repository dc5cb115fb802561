"""Models by any name a person gives them: an alias, a Hub id, a folder, a config.json, an inline config."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudgpu.base.errors import BadFileError, UnknownModelError, UsageError
from cloudgpu.base.units import gb_from_bytes
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.nearest import hint_for
from cloudgpu.sizing.number_formats import (
    QUANTIZATIONS,
    bytes_per_16_bit,
    canonical_quantization,
    checkpoint_bytes,
    is_plain,
    made_on_loading,
    same_method,
)
from cloudgpu.sizing.quantization_config import checkpoint_format
from cloudgpu.sizing.shape import Architecture, LayerGroup, LayerKind, Matrix, ParameterGroups, Split
from cloudgpu.sizing.spellings import quantised_short_name, row_of, spoken_names

if TYPE_CHECKING:  # names of the catalogue have no headers and start without them
    from cloudgpu.sizing.checkpoint import ReadCheckpoint
    from cloudgpu.sizing.stored import StoredWeights

_FILES = frozenset({".json", ".safetensors", ".gguf"})


MATRIX_FIELDS = ("name", "layers", "first", "last", "inputs", "outputs", "split", "kv_outputs", "experts")


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


def resolve_model(name: str) -> ModelSpec:
    """The model of that name: alias, Hub id or repository name in any case; a local folder, weights file, config.json.

    Reads local files only, what the Hub once said of a repository among them; `weighed.find_model` asks the Hub. Raises
    UnknownModelError with the nearest names, BadFileError for an unreadable config.
    """
    row = row_of(name)
    if row is not None:
        return _spec(row)
    path = Path(name).expanduser()
    if name.strip() and (path.is_dir() or path.suffix in _FILES):
        return _from_path(path)
    earlier = _kept(name.strip()) if "/" in name else None
    if earlier is not None:
        return earlier
    raise UnknownModelError(f"no model named {name!r}", hint=hint_for(name, spoken_names(), "cloudgpu models"))


def model_from_config(config: Mapping[str, Any], model_id: str = "inline config") -> ModelSpec:
    """The model that a config.json describes. Raises BadFileError when it lacks what memory rests on."""
    # Imported here because the catalogue needs none of this arithmetic and must load fast.
    from cloudgpu.sizing.architecture import read_architecture

    if not isinstance(config, Mapping):
        raise BadFileError("a model config must be a JSON object")
    architecture, stored = read_architecture(config), checkpoint_format(config)
    how = "counted from its config.json" if architecture.is_exact else "estimated from its config.json, unknown family"
    return ModelSpec(
        model_id=model_id,
        short_name=model_id.rsplit("/", 1)[-1].lower(),
        aliases=(),
        dtype=_dtype(config),
        quantization=stored.quantization,
        group_size=stored.group_size,
        kept_modules=stored.kept,
        base_id=None,
        parameters_stored=None,
        architecture=architecture,
        source=how,
        weights_source=how,
    )


def model_from_checkpoint(found: "ReadCheckpoint", model_id: str) -> ModelSpec:
    """The model that a checkpoint's headers and config describe: its weights are what the headers say.

    Raises BadFileError or UsageError when the config names a quantisation that cannot be counted.
    """
    base = model_from_config(found.config, model_id)
    weights = found.weights
    plain = not weights.is_packed and not found.is_gguf
    return replace(
        base,
        architecture=replace(base.architecture, parameters=weights.counts()) if plain else base.architecture,
        quantization="gguf" if found.is_gguf else base.quantization,
        stored=weights,
        source=weights.origin,
        weights_source=weights.origin,
        notes=found.notes,
    )


@cache
def all_models() -> tuple[ModelSpec, ...]:
    """Every model of the catalogue, without the quantised checkpoints."""
    return tuple(_spec(row) for row in read_rows("models"))


def _from_path(path: Path) -> ModelSpec:
    """A folder or weights file by its headers where there are any, else by its config.json alone."""
    if path.suffix != ".json":
        found = _headers_in(path)
        if found is not None:
            return model_from_checkpoint(found, str(path.resolve()))
    return _from_config(path)


def _headers_in(path: Path) -> "ReadCheckpoint | None":
    # Imported here because names of the catalogue need no headers and must be found fast.
    from cloudgpu.sizing.checkpoint import LocalFiles, has_weights, read_checkpoint

    if path.is_file() or (path.is_dir() and has_weights(LocalFiles(path).names())):
        return read_checkpoint(LocalFiles(path))
    return None


def _kept(name: str) -> ModelSpec | None:
    from cloudgpu.sizing.checkpoint.kept import kept  # only for names that nothing else explains

    found = kept(name)
    return None if found is None else model_from_checkpoint(found, name)


def _from_config(path: Path) -> ModelSpec:
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownModelError(
            f"there is no readable {file}",
            hint="a model folder holds a config.json; or name a model of `cloudgpu models`",
        ) from error
    except ValueError as error:
        raise BadFileError(f"{file} is not JSON", hint="it should be the model's config.json") from error
    folder = file.resolve().parent
    return model_from_config(config, str(folder) if file.name == "config.json" else str(file))


def _spec(row: dict[str, Any]) -> ModelSpec:
    if "base" in row:
        return _quantised(row)
    return ModelSpec(
        model_id=row["id"],
        short_name=row["short_name"],
        aliases=tuple(row["aliases"]),
        dtype=row["dtype"],
        quantization=row["quantization"],
        base_id=None,
        parameters_stored=row["parameters_stored"],
        architecture=_architecture(row["architecture"]),
        source=row["source"],
        weights_source="catalogue, exact parameter count",
    )


def _quantised(row: dict[str, Any]) -> ModelSpec:
    base = resolve_model(row["base"])
    return replace(
        base,
        model_id=row["id"],
        short_name=row.get("short_name") or quantised_short_name(base.short_name, row["quantization"]),
        aliases=(),
        quantization=row["quantization"],
        group_size=row.get("group_size"),
        kept_modules=tuple(row.get("kept_modules", ())),
        base_id=base.model_id,
        parameters_stored=None,
        source=row["source"],
        weights_source=f"catalogue, exact parameter count, {row['quantization']} file format",
    )


def _architecture(row: dict[str, Any]) -> Architecture:
    return Architecture(
        **{
            **row,
            "parameters": ParameterGroups(**row["parameters"]),
            "layer_groups": tuple(
                LayerGroup(**{**group, "kind": LayerKind(group["kind"])}) for group in row["layer_groups"]
            ),
            "matrices": tuple(_matrix(fields) for fields in row["matrices"]),
        }
    )


def _matrix(fields: list[Any]) -> Matrix:
    """A row of the catalogue lists the fields of a matrix in their order, which keeps the file small."""
    values = dict(zip(MATRIX_FIELDS, fields, strict=True))
    return Matrix(**{**values, "split": Split(values["split"])})


def _dtype(config: Mapping[str, Any]) -> str:
    inner = config.get("text_config")
    inner_dtype = (inner.get("torch_dtype") or inner.get("dtype")) if isinstance(inner, Mapping) else None
    named = str(config.get("torch_dtype") or config.get("dtype") or inner_dtype or "bfloat16")
    return named if named in {"bfloat16", "float16", "float32"} else "bfloat16"


__all__ = [
    "QUANTIZATIONS",
    "Checkpoint",
    "ModelSpec",
    "all_models",
    "model_from_config",
    "resolve_model",
]
