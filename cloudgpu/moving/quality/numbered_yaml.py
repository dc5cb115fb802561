"""A YAML file with the lines that its keys and items stand in, so that a refusal can name one."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadFileError

Spot = tuple[str | int, ...]
"""The keys and numbers that lead to a value."""


def parsed(path: Path) -> tuple[object, dict[Spot, int]]:
    """The document, and the line of each of its keys and items.

    Raises BadFileError for a file that is not there, no text or no YAML, and for a key that is given twice: YAML would
    keep the last one without a word.
    """
    import yaml  # only for those who ask golden prompts

    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        lines = _numbered(path, _lines(yaml.compose(text, yaml.SafeLoader), ()))
    except FileNotFoundError:
        hint = "name a YAML file of golden prompts, or ask none: --golden none"
        raise BadFileError(f"there is no file {path}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} cannot be read as text", hint="name a YAML file of golden prompts") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise BadFileError(f"{path}{where}: this is no YAML", hint=getattr(error, "problem", None)) from error
    return document, lines


def _numbered(path: Path, spots: Iterable[tuple[Spot, int]]) -> dict[Spot, int]:
    lines: dict[Spot, int] = {}
    for spot, line in spots:
        if spot in lines:
            raise BadFileError(
                f"{path}, line {line}: {spot[-1]!r} is given twice, first in line {lines[spot]}",
                hint="keep one of them",
            )
        lines[spot] = line
    return lines


def _lines(node: Any, at: Spot) -> Iterator[tuple[Spot, int]]:  # noqa: ANN401  (a node of PyYAML, which has no types)
    pairs = getattr(node, "value", None)
    if not isinstance(pairs, list):
        return
    for number, each in enumerate(pairs):
        key, child = (each[0].value, each[1]) if isinstance(each, tuple) else (number, each)
        line = (each[0] if isinstance(each, tuple) else each).start_mark.line + 1
        yield (*at, key), line
        yield from _lines(child, (*at, key))
