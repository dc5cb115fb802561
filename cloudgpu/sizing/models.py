"""Models by any name a person gives them: an alias, a Hub id, a folder, a config.json, an inline config."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudgpu.base.errors import BadFileError, UnknownModelError
from cloudgpu.sizing.known_models import known_model
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.nearest import hint_for
from cloudgpu.sizing.quantization_config import checkpoint_format
from cloudgpu.sizing.spellings import spoken_names

if TYPE_CHECKING:  # names of the catalogue have no headers and start without them
    from cloudgpu.sizing.checkpoint import ReadCheckpoint

_FILES = frozenset({".json", ".safetensors", ".gguf"})


def resolve_model(name: str) -> ModelSpec:
    """The model of that name: alias, Hub id or repository name in any case; a local folder, weights file, config.json.

    Reads local files only, what the Hub once said of a repository among them; `weighed.find_model` asks the Hub. Raises
    UnknownModelError with the nearest names, BadFileError for an unreadable config.
    """
    known = known_model(name)
    if known is not None:
        return known
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


def _dtype(config: Mapping[str, Any]) -> str:
    inner = config.get("text_config")
    inner_dtype = (inner.get("torch_dtype") or inner.get("dtype")) if isinstance(inner, Mapping) else None
    named = str(config.get("torch_dtype") or config.get("dtype") or inner_dtype or "bfloat16")
    return named if named in {"bfloat16", "float16", "float32"} else "bfloat16"
