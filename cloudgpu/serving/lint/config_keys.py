"""The keys that flags with JSON know, read in the config classes of the releases that were sampled."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from cloudgpu.serving.lint.flag_table import NEWEST, Presence, Release, Span, presence_of, release_of

_FORBIDDEN_SINCE = (0, 16, 0)
"""The first sample whose config classes all refuse a key that they do not know; most of 0.15.1's pass over it."""

_FORBIDDEN_EARLIER = {"--compilation-config": (0, 14, 1)}
"""Flags whose classes refused it before: 0.14.1 was asked, 0.15.1 read."""

_NESTED = "--compilation-config.pass_config"


def refused_keys(flag: str, written: Mapping[str, object], release: Release) -> Iterator[str]:
    """The keys of a flag's JSON, or of its dotted form, that the release refuses for certain."""
    since = _FORBIDDEN_EARLIER.get(flag, _FORBIDDEN_SINCE)
    if not since <= release <= release_of(NEWEST) or flag not in flags_with_keys():
        return
    for key, value in written.items():
        name, _, below = key.rstrip("+").replace("-", "_").partition(".")
        if _is_refused(flag, name, release):
            yield name
        elif f"{flag}.{name}" == _NESTED:
            inner = [below] if below else list(value) if isinstance(value, dict) else []
            yield from (each for each in inner if _is_refused(_NESTED, each.partition(".")[0], release))


def flags_with_keys() -> frozenset[str]:
    """The flags whose keys are known."""
    return frozenset(flag for flag, _ in _spans())


def _is_refused(flag: str, key: str, release: Release) -> bool:
    span = _spans().get((flag, key))
    return span is None or presence_of(span, _sampled(), release) in (Presence.REMOVED, Presence.NOT_YET)


@cache
def _spans() -> dict[tuple[str, str], Span]:
    rows = [json.loads(line) for line in _lines()[1:]]
    return {(row["flag"], row["key"]): Span(row["first"], row["last"]) for row in rows}


@cache
def _sampled() -> tuple[str, ...]:
    return tuple(json.loads(_lines()[0])["sampled"])


def _lines() -> list[str]:
    return (Path(__file__).parent / "config_keys.jsonl").read_text(encoding="utf-8").splitlines()
