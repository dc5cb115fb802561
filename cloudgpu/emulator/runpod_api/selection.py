"""The little of GraphQL's grammar that its read clients use: named fields with arguments and selections."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"[{}]|\((?:[^()\"]|\"[^\"]*\")*\)|[A-Za-z_]\w*")
_ARGUMENT = re.compile(r"(\w+)\s*:\s*(?:\"([^\"]*)\"|(\w+))")
_VARIABLE = re.compile(r":\s*\$(\w+)")


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is asked for, with its scalar arguments and its own fields."""

    name: str
    arguments: dict[str, str]
    fields: tuple["Field", ...]


def read_query(text: str, variables: Mapping[str, Any] | None = None) -> tuple[str, tuple[Field, ...]]:
    """`query` or `mutation`, and the fields at the top. Raises ValueError for anything else.

    An object that stands in `variables` counts as the arguments themselves, a scalar as the value of its own name.
    """
    tokens = iter(_TOKEN.findall(text))
    first = next(tokens, "")
    kind = first if first in ("query", "mutation") else "query"
    for token in ["{"] if first == "{" else tokens:
        if token == "{":
            return kind, _fields(tokens, variables or {})
    raise ValueError("no selection")


def picked(value: Any, fields: tuple[Field, ...]) -> Any:  # noqa: ANN401  (any JSON value)
    """The parts of a value that were asked for; what it does not have is null."""
    if isinstance(value, list):
        return [picked(each, fields) for each in value]
    if not isinstance(value, dict) or not fields:
        return value
    return {field.name: picked(value.get(field.name), field.fields) for field in fields}


def _fields(tokens: Iterator[str], variables: Mapping[str, Any]) -> tuple[Field, ...]:
    found: list[Field] = []
    for token in tokens:
        if token == "}":
            return tuple(found)
        if token == "{":
            last = found.pop()
            found.append(Field(last.name, last.arguments, _fields(tokens, variables)))
        elif token.startswith("("):
            last = found.pop()
            found.append(Field(last.name, _arguments(token, variables), ()))
        else:
            found.append(Field(token, {}, ()))
    raise ValueError("a selection does not end")


def _arguments(token: str, variables: Mapping[str, Any]) -> dict[str, str]:
    found = {name: text or word for name, text, word in _ARGUMENT.findall(token)}
    for name in _VARIABLE.findall(token):
        value = variables.get(name)
        given = value if isinstance(value, dict) else {name: value}
        found |= {key: _word(each) for key, each in given.items() if each is not None}
    return found


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
