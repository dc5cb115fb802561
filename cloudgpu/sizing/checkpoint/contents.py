"""All headers of a checkpoint and its config put together, whatever form its files have."""

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cloudgpu.base.errors import BadFileError, NotFoundError
from cloudgpu.sizing.architecture import read_architecture
from cloudgpu.sizing.checkpoint.gguf import read_gguf
from cloudgpu.sizing.checkpoint.gguf_config import config_of_gguf
from cloudgpu.sizing.checkpoint.guess import guessed_config
from cloudgpu.sizing.checkpoint.repository import Repository, read_whole
from cloudgpu.sizing.checkpoint.safetensors import read_safetensors
from cloudgpu.sizing.checkpoint.tally import tally
from cloudgpu.sizing.checkpoint.tensor import StoredTensor
from cloudgpu.sizing.shape import Architecture
from cloudgpu.sizing.stored import StoredWeights

INDEX, SINGLE, CONFIG = "model.safetensors.index.json", "model.safetensors", "config.json"
READERS = 8
"""Headers read at the same time: a large checkpoint has 160 files."""

_SPLIT = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
UNEQUAL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCheckpoint:
    """What the files say: a config that can be read, the stored weights, and what is only guessed, in sentences."""

    config: Mapping[str, Any]
    weights: StoredWeights
    is_gguf: bool
    notes: tuple[str, ...]


def read_checkpoint(files: Repository, variant: str | None = None) -> ReadCheckpoint:
    """The checkpoint in `files`: safetensors when there are any, else GGUF.

    `variant` chooses among several GGUF files by a part of their names, such as `Q4_K_M`. Raises NotFoundError when
    there are no such weights, BadFileError for files that are cut short or damaged.
    """
    names = files.names()
    if variant is None:
        shards = _safetensors_files(files, names)
        if shards:
            return _from_safetensors(files, names, shards)
    return _from_gguf(files, _gguf_files(files, names, variant))


def has_weights(names: Sequence[str]) -> bool:
    """Whether any of the files holds weights whose header can be read."""
    return any(name.endswith((".safetensors", ".safetensors.index.json", ".gguf")) for name in names)


def _from_safetensors(files: Repository, names: Sequence[str], shards: Sequence[str]) -> ReadCheckpoint:
    tensors = _all_tensors(files, shards)
    config = _json_object(files, CONFIG) if CONFIG in names else {}
    architecture, config, notes = _described(config, tensors)
    weights = tally(tensors, architecture, f"safetensors headers {files.origin}")
    notes += _contradictions(architecture, weights, config)
    return ReadCheckpoint(config=config, weights=weights, is_gguf=False, notes=tuple(notes))


def _from_gguf(files: Repository, parts: Sequence[str]) -> ReadCheckpoint:
    headers = [read_gguf(files, name) for name in parts]
    tensors = [tensor for header in headers for tensor in header.tensors]
    architecture, config, notes = _described(config_of_gguf(headers[0]), tensors)
    weights = tally(tensors, architecture, f"GGUF header of {parts[0]} {files.origin}")
    return ReadCheckpoint(config=config, weights=weights, is_gguf=True, notes=tuple(notes))


def _safetensors_files(files: Repository, names: Sequence[str]) -> list[str]:
    """The index decides; without one the one file, else all of them but adapters and Mistral's second copy."""
    if INDEX in names:
        return _indexed(files, names)
    if SINGLE in names:
        return [SINGLE]
    found = [name for name in names if name.endswith(".safetensors") and not name.startswith("adapter_")]
    return [name for name in found if not name.startswith("consolidated")] or found


def _indexed(files: Repository, names: Sequence[str]) -> list[str]:
    weight_map = _json_object(files, INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise BadFileError(f"{INDEX} {files.origin} names no files", hint="download it again")
    shards = sorted(set(weight_map.values()))
    missing = [name for name in shards if name not in names]
    if missing:
        raise NotFoundError(
            f"{len(missing)} of {len(shards)} weight files are missing {files.origin}: {missing[0]}"
            + (", …" if len(missing) > 1 else ""),
            hint="finish the download",
        )
    return shards


def _gguf_files(files: Repository, names: Sequence[str], variant: str | None) -> list[str]:
    found = [name for name in names if name.endswith(".gguf") and not _PROJECTOR.search(name)]
    if variant is not None:
        found = [name for name in found if variant.lower() in name.lower()]
    first = [name for name in found if not _SPLIT.search(name) or "-00001-of-" in name]
    if not first:
        raise NotFoundError(
            f"there are no weights {files.origin} whose header can be read"
            + (f": no GGUF file is called {variant}" if variant else ""),
            hint="safetensors and GGUF files can; convert others, or give the model's config.json",
        )
    if len(first) > 1:
        raise NotFoundError(
            f"there are {len(first)} GGUF files {files.origin}: {', '.join(first[:6])}" + (", …" if first[6:] else ""),
            hint="name one of them: a folder's file by its path, one of the Hub as owner/name:Q4_K_M",
        )
    return _all_splits(files, first[0], found)


def _all_splits(files: Repository, first: str, found: Sequence[str]) -> list[str]:
    split = _SPLIT.search(first)
    if split is None:
        return [first]
    stem, count = first[: split.start()], int(split[1])
    parts = [name for name in found if name.startswith(f"{stem}-") and _SPLIT.search(name)]
    if len(parts) != count:
        raise NotFoundError(f"{len(parts)} of {count} parts of {first} are {files.origin}", hint="finish the download")
    return sorted(parts)


def _all_tensors(files: Repository, shards: Sequence[str]) -> list[StoredTensor]:
    with ThreadPoolExecutor(READERS) as readers:
        headers = list(readers.map(lambda name: read_safetensors(files, name), shards))
    return [tensor for header in headers for tensor in header]


def _json_object(files: Repository, name: str) -> dict[str, Any]:
    try:
        value = json.loads(read_whole(files, name))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadFileError(f"{name} {files.origin} is no JSON object", hint="download it again")
    return value


def _described(
    config: dict[str, Any], tensors: Sequence[StoredTensor]
) -> tuple[Architecture, dict[str, Any], list[str]]:
    """(architecture, the config it was read from, what is not certain of it)."""
    try:
        architecture = read_architecture(config)
    except BadFileError as error:
        guessed = guessed_config(tensors, config)
        why = error.message if config else "there is no config.json"
        return read_architecture(guessed), guessed, [f"{why}: layers, heads and context are guessed from the tensors"]
    return architecture, config, []


def _contradictions(architecture: Architecture, weights: StoredWeights, config: Mapping[str, Any]) -> list[str]:
    if weights.is_packed:
        says_so = config.get("quantization_config") or config.get("compression_config")
        return [] if says_so else ["the files hold packed numbers, but config.json names no quantisation"]
    stored, implied = weights.counts().total, architecture.parameters.total
    if not architecture.is_exact or abs(stored - implied) <= UNEQUAL * implied:
        return []
    return [f"the files hold {stored:,} parameters where config.json implies {implied:,}: the files count"]
