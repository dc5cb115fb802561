"""The names of tool and reasoning parsers that releases have, read in the wheels of the releases that were sampled."""

import json
from functools import cache
from pathlib import Path

from cloudgpu.serving.lint.flag_table import Presence, Release, Span, presence_of

_READ = (Presence.PRESENT, Presence.UNSURE)


def may_exist(flag: str, name: str, release: Release) -> bool:
    """Whether the release can have a parser of that name for `--tool-call-parser` or `--reasoning-parser`."""
    span = _names().get((flag, name))
    return span is not None and presence_of(span, _sampled(), release) in _READ


def is_unheard(flag: str, name: str) -> bool:
    """Whether none of the releases that were read has it."""
    return (flag, name) not in _names()


@cache
def _names() -> dict[tuple[str, str], Span]:
    rows = [json.loads(line) for line in _lines()[1:]]
    return {(row["flag"], row["name"]): Span(row["first"], row["last"]) for row in rows}


@cache
def _sampled() -> tuple[str, ...]:
    return tuple(json.loads(_lines()[0])["sampled"])


def _lines() -> list[str]:
    return (Path(__file__).parent / "parser_names.jsonl").read_text(encoding="utf-8").splitlines()
