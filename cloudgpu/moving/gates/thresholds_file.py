"""Thresholds from a YAML file: only what differs from the default must stand in it."""

import types
import typing
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import BadFileError
from cloudgpu.moving.gates.thresholds import Thresholds

T = TypeVar("T")

DEFAULT = "default"
_HINT = "every key is explained in the default: cloudgpu compare --show-gates"


def read_thresholds(which: str = DEFAULT) -> Thresholds:
    """The thresholds of a file, or of one that comes with the tool (`default`, `larger-model`).

    Raises BadFileError with the key for what is no number, not known, or no YAML.
    """
    path = _path(which)
    document = _parsed(path)
    return Thresholds() if document is None else _changed(Thresholds(), document, str(path), "")


def shipped() -> dict[str, Path]:
    """The files that come with the tool, by name."""
    return {path.stem: path for path in sorted((data_dir("templates") / "gates").glob("*.yaml"))}


def _path(which: str) -> Path:
    if which in shipped():
        return shipped()[which]
    if not Path(which).is_file():
        raise BadFileError(f"there is no file of gates {which}", hint=f"a path, or one of: {', '.join(shipped())}")
    return Path(which)


def _parsed(path: Path) -> object:
    import yaml  # only for those who compare

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadFileError(f"{path} cannot be read as YAML", hint=_HINT) from error


def _changed(value: T, row: object, path: str, at: str) -> T:
    """A frozen value with the fields that a mapping names."""
    if not isinstance(row, dict):
        raise BadFileError(f"{path}: {at or 'the file'} is no list of keys", hint=_HINT)
    hints = typing.get_type_hints(type(value))
    known = {_written(field.name): field.name for field in fields(value)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for key, given in row.items():
        where = f"{at}.{key}".lstrip(".")
        if key not in known:
            raise BadFileError(f"{path}: unknown key {where}", hint=f"known there: {', '.join(known)}")
        name = known[key]
        before = getattr(value, name)
        changes[name] = (
            _changed(before, given, path, where)
            if is_dataclass(before)
            else _number(given, hints[name], f"{path}: {where}", in_ms=key != name)
        )
    return replace(value, **changes)  # type: ignore[type-var]


def _written(name: str) -> str:
    """Seconds are written as milliseconds in the file."""
    return f"{name.removesuffix('_s')}_ms" if name.endswith("_s") else name


def _number(given: object, hint: object, where: str, *, in_ms: bool) -> int | float | None:
    may_be_none = isinstance(hint, types.UnionType)
    if given is None and may_be_none:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise BadFileError(f"{where} is no number: {given!r}", hint=_HINT)
    if hint is int and not isinstance(given, int):
        raise BadFileError(f"{where} is a whole number, not {given}", hint=_HINT)
    if not where.endswith("min_preference") and given < 0:
        raise BadFileError(f"{where} may not be below zero: {given}", hint=_HINT)
    return given / 1000 if in_ms else given
