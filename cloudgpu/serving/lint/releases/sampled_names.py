"""A table of names below flags, each with the releases that have it; its first line says which were sampled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cloudgpu.serving.lint.releases.flag_table import Presence, Release, Span, presence_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledNames:
    """`spans` by flag and name."""

    sampled: tuple[str, ...]
    spans: Mapping[tuple[str, str], Span]

    def presence(self, flag: str, name: str, release: Release) -> Presence | None:
        """Whether the release has the name there; None when no sample does."""
        span = self.spans.get((flag, name))
        return None if span is None else presence_of(span, self.sampled, release)


@cache
def read_names(file: str, column: str) -> SampledNames:
    """The table of that file beside this one, whose names stand in `column`."""
    first, *rows = map(json.loads, (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines())
    spans = {(row["flag"], row[column]): Span(row["first"], row["last"]) for row in rows}
    return SampledNames(sampled=tuple(first["sampled"]), spans=spans)
