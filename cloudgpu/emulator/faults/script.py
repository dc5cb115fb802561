"""Fault scripts as people write them: one posted to the emulator, or a YAML file of them.

seed: 7                 # optional: the market, and the draws of every `chance`
faults:
  - {on: create, do: 502_after_effect}
  - {provider: runpod, on: list, do: empty, times: 3, skip: 2}
  - {on: instance, do: outbid, label: my-label, after_s: 600}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloudgpu.base.errors import BadFileError
from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.faults.kinds import kind_named

_ALWAYS = {"provider", "on", "do", "times", "skip", "chance", "seconds"}
"""Options of every fault; `seconds` too, so that one script can be tried with a hang and without."""
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FaultScript(BaseModel):
    """One fault as written. What its kind does not read is refused: it would silently do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    provider: Literal["vast", "runpod"] = "vast"
    on: str
    do: str
    times: Annotated[int, Field(ge=1)] | None = 1
    skip: Annotated[int, Field(ge=0)] = 0
    chance: Annotated[float, Field(gt=0, le=1)] | None = None
    instance_id: int | str | None = None
    label: str | None = None
    machine_id: int | None = None
    seconds: _Seconds = 120.0
    after_s: _Seconds | None = None
    for_s: _Seconds | None = None
    factor: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] = Decimal("1.5")
    rows: Annotated[int, Field(ge=0)] = 64
    tokens: Annotated[int, Field(ge=0)] = 5
    ttft_s: _Seconds = 0.2
    tokens_per_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100.0
    megabytes: Annotated[int, Field(ge=1)] = 200

    @model_validator(mode="before")
    @classmethod
    def _numbers_as_words(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was written
        """`do: 502` is a number to YAML and a name here."""
        if isinstance(given, Mapping) and isinstance(given.get("do"), int):
            return {**given, "do": str(given["do"])}
        return given

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        kind = kind_named(self.do, self.on, self.provider)
        unread = sorted(self.model_fields_set - _ALWAYS - set(kind.reads))
        if unread:
            raise ValueError(f"{self.do} on {self.on} does not read {unread[0]!r}")
        return self

    def fault(self) -> Fault:
        """The same as the value that a world keeps."""
        lasts = kind_named(self.do, self.on, self.provider).lasts and "times" not in self.model_fields_set
        given = {**self.model_dump(), "times": None} if lasts else self.model_dump()
        return Fault(**{**given, "instance_id": None if self.instance_id is None else str(self.instance_id)})


class _Loader(yaml.SafeLoader):
    """YAML in which `on` is a word and not a truth: only true and false are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), ["t", "f"])


class _Script(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seed: int | None = None
    faults: list[FaultScript] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFile:
    """What a file says: its faults in order, and the seed to draw with (None: the world's own)."""

    seed: int | None
    faults: tuple[Fault, ...]


def read_fault(body: Mapping[str, Any]) -> Fault:
    """A fault as posted. Raises ValueError: one clause that names the field and what is wrong with it."""
    try:
        return FaultScript.model_validate(dict(body)).fault()
    except ValidationError as error:
        where, what = _first(error)
        raise ValueError(f"{_dotted(where)}: {what}" if where else what) from None


def read_fault_file(path: Path) -> FaultFile:
    """A YAML file of faults. Raises BadFileError that names the file, the line and the key."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=_Loader)
        script = _Script.model_validate(yaml.load(text, Loader=_Loader) or {})
    except OSError as error:
        raise BadFileError(f"the fault script {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path}{_yaml_line(error)} is not YAML: {_yaml_problem(error)}", hint=_HINT) from None
    except ValidationError as error:
        where, what = _first(error)
        raise BadFileError(
            f"{path}, line {_line(tree, where)}, {_dotted(where) or 'top'}: {what}", hint=_HINT
        ) from None
    return FaultFile(seed=script.seed, faults=tuple(each.fault() for each in script.faults))


_LONGEST_SHOWN = 60
_HINT = "`cloudgpu emulator fault kinds` lists what there is; docs/emulator.md has examples"


def _first(error: ValidationError) -> tuple[Sequence[int | str], str]:
    """The first complaint: where, and what, without pydantic's own words around it."""
    first = error.errors()[0]
    what = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        what = f"there is no such field as {first['loc'][-1]!r}"
    elif first["type"] == "missing":
        what = "is missing"
    elif first["type"] != "value_error":
        wanted = "must be fields with values" if first["type"] == "model_type" else f"{what[:1].lower()}{what[1:]}"
        what = f"{wanted}, not {_shown(first['input'])}"
    return first["loc"], what


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _dotted(where: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


def _line(tree: yaml.Node | None, where: Sequence[int | str]) -> int:
    """The line, from 1, of the deepest part of the path that is in the file."""
    node, line = tree, 1 if tree is None else tree.start_mark.line + 1
    for part in where:
        found = _below(node, part)
        if found is None:
            break
        line, node = found
    return line


def _below(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        below = node.value[part]
        return below.start_mark.line + 1, below
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    return None


def _yaml_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f", line {mark.line + 1},"


def _yaml_problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
