"""A template out of YAML, strictly: an unknown key, a wrong form or an unknown placeholder names its file and line."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.placeholders import PLACEHOLDERS, SECRETS
from cloudgpu.serving.template import PLACEHOLDER, Template, Variable
from cloudgpu.serving.template_ready import what_keeps_it_unready
from cloudgpu.sizing.engines import ENGINES

_HINT = "cloudgpu template show vllm prints one that explains every key"
_NAME = r"^[a-z0-9][a-z0-9.-]{0,62}$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

_KINDS = {"_Secret", "str", "int", "float"}
"""What pydantic adds to the place of an error where several forms are possible."""
_DEEPEST = 6
_SCHEMA_VERSION = 1
"""The version of the keys below. A template need not say it; one that says another is not guessed at."""

Spot = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, from 1."""
Scalar = str | int | float


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Disk(_Strict):
    at_least_gb: Annotated[int, Field(ge=1, le=10_000)]


class _StartUp(_Strict):
    base_s: Annotated[float, Field(gt=0, le=86_400)]
    s_per_gb: Annotated[float, Field(ge=0, le=3_600)]


class _Secret(_Strict):
    secret: Literal["api_key", "hf_token"]


class _VariableRow(_Strict):
    about: str
    type: Literal["text", "integer"] = "text"
    default: Scalar | None = None
    choices: list[Scalar] = []


class _File(_Strict):
    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=_NAME)]
    summary: Annotated[str, Field(min_length=1, max_length=200)]
    engine: str
    image: Annotated[str, Field(min_length=1)]
    entrypoint: list[str] | None = None
    port: Annotated[int, Field(ge=1, le=65_535)]
    health: Annotated[str, Field(pattern=r"^/")]
    readiness: Literal["chat", "embedding"]
    disk: _Disk
    min_cuda: Annotated[str, Field(pattern=r"^(\{min_cuda\}|\d+\.\d+)$")]
    start_up: _StartUp
    variables: dict[Annotated[str, Field(pattern=_VARIABLE)], _VariableRow] = {}
    arguments: list[Annotated[dict[str, Scalar], Field(min_length=1, max_length=1)]]
    environment: dict[Annotated[str, Field(pattern=_VARIABLE)], _Secret | Scalar]


def read_template(path: Path) -> Template:
    """The template of a file. Raises BadFileError naming file, line, column and key, and what is known there."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"the template {path} cannot be read: {error}", hint=_HINT) from None
    return template_of_text(text, path)


def template_of_text(text: str, path: Path) -> Template:
    """The template in a text that stands, or would stand, at `path`. Raises BadFileError as `read_template`."""
    body, places = _parsed(text, path)
    if (version := body.get("schema_version", _SCHEMA_VERSION)) != _SCHEMA_VERSION:
        raise _bad(
            path, places, ("schema_version",), f"schema_version is {version}, known is {_SCHEMA_VERSION}",
            "a newer cloudgpu wrote it: upgrade, or write the template anew from `cloudgpu template show vllm`",
        )  # fmt: skip
    try:
        found = _File.model_validate(body)
    except ValidationError as error:
        raise _refused(error, path, places) from None
    _check(found, path, places)
    made = _template(found, path)
    for wrong in what_keeps_it_unready(made):
        raise _bad(path, places, wrong.spot, wrong.what, wrong.hint)
    return made


def _template(found: _File, path: Path) -> Template:
    plain = {name: each for name, each in found.environment.items() if not isinstance(each, _Secret)}
    hidden = {name: each.secret for name, each in found.environment.items() if isinstance(each, _Secret)}
    return Template(
        name=found.name,
        summary=found.summary,
        engine=found.engine,
        image=found.image,
        entrypoint=tuple(found.entrypoint) if found.entrypoint else None,
        port=found.port,
        health=found.health,
        readiness=found.readiness,
        disk_at_least_gb=found.disk.at_least_gb,
        min_cuda=found.min_cuda,
        start_base_s=found.start_up.base_s,
        start_s_per_gb=found.start_up.s_per_gb,
        variables=tuple(_variable(name, row) for name, row in found.variables.items()),
        arguments=tuple((flag, str(value)) for row in found.arguments for flag, value in row.items()),
        environment=tuple((name, str(value)) for name, value in plain.items()),
        secrets=tuple(hidden.items()),
        origin=str(path),
    )


def _variable(name: str, row: _VariableRow) -> Variable:
    default = None if row.default is None else str(row.default)
    return Variable(
        name=name, about=row.about, type=row.type, default=default, choices=tuple(str(each) for each in row.choices)
    )


def _check(found: _File, path: Path, places: Mapping[Spot, Place]) -> None:
    """What a schema cannot say: the engine, the tag, and what the placeholders stand for."""
    if found.engine not in ENGINES:
        raise _bad(path, places, ("engine",), f"the engine {found.engine!r} is not known", ", ".join(ENGINES))
    if not re.search(r"(:[^/]+|@sha256:[0-9a-f]{64}|\{\w+\})$", found.image) or found.image.endswith(":latest"):
        raise _bad(path, places, ("image",), "the image names no release", "pin it by a tag, never latest")
    known = {*PLACEHOLDERS, *found.variables}
    for spot, text in _texts(found):
        for name in PLACEHOLDER.findall(text):
            if name in SECRETS:
                raise _bad(path, places, spot, f"{{{name}}} is a secret", f"write VARIABLE: {{secret: {name}}}")
            if name not in known:
                raise _bad(path, places, spot, f"{{{name}}} stands for nothing", "known: " + ", ".join(sorted(known)))
    for name in set(found.variables) & set(PLACEHOLDERS):
        raise _bad(path, places, ("variables", name), f"{name} is a placeholder already", "call the variable otherwise")


def _texts(found: _File) -> list[tuple[Spot, str]]:
    rows = [(("arguments", number, flag), str(text)) for number, row in enumerate(found.arguments)
            for flag, text in row.items()]  # fmt: skip
    env = [(("environment", name), str(text)) for name, text in found.environment.items()
           if not isinstance(text, _Secret)]  # fmt: skip
    return [(("image",), found.image), *rows, *env]


def _parsed(text: str, path: Path) -> tuple[Any, dict[Spot, Place]]:
    try:
        root, body = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", {_at((mark.line + 1, mark.column + 1))}," if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise BadFileError(f"the template {path}{at} is no YAML: {problem}", hint=_HINT) from None
    if not isinstance(body, dict):
        what = "is empty" if body is None else "holds no keys with values"
        raise BadFileError(f"the template {path} {what}", hint=_HINT)
    places: dict[Spot, Place] = {}
    _walk(root, (), places, path)
    return body, places


def _walk(node: yaml.Node | None, at: Spot, places: dict[Spot, Place], path: Path) -> None:
    """The place of every key, and a refusal of keys that stand twice (YAML would take the last in silence)."""
    if len(at) > _DEEPEST:  # YAML may hold itself; the schema refuses it
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            spot = (*at, str(key.value))
            place = _place(key)
            if spot in places:
                raise BadFileError(f"the template {path}, {_at(place)}: {key.value} stands twice")
            places[spot] = place
            _walk(value, spot, places, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            places[(*at, number)] = _place(value)
            _walk(value, (*at, number), places, path)


def _refused(error: ValidationError, path: Path, places: Mapping[Spot, Place]) -> BadFileError:
    """The first thing that is wrong; a key that does not exist first: it is a misspelling of one that is missing."""
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    spot = tuple(each for each in first["loc"] if each not in _KINDS)
    key = ".".join(str(each) for each in spot)
    if first["type"] == "extra_forbidden":
        return _bad(path, places, spot, f"there is no key {key}", _HINT)
    if first["type"] == "missing":
        return _bad(path, places, spot[:-1], f"the key {key} is missing", _HINT)
    if first["type"] in ("too_long", "too_short") and spot[0] == "arguments":
        return _bad(path, places, spot, "a row of arguments is one flag and its value", _HINT)
    return _bad(path, places, spot, f"{key or 'it'}: {first['msg'][:1].lower()}{first['msg'][1:]}", _HINT)


def _bad(path: Path, places: Mapping[Spot, Place], spot: Spot, what: str, hint: str) -> BadFileError:
    at = spot
    while at and at not in places:
        at = at[:-1]
    place = f", {_at(places[at])}" if at in places else ""
    return BadFileError(f"the template {path}{place}: {what}", hint=hint)


def _place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _at(place: Place) -> str:
    return f"line {place[0]}, column {place[1]}"
