"""Flags that take a number: what kind, and from where to where, as every release that was asked has it."""

import json
import re
from dataclasses import dataclass
from functools import cache

from cloudgpu.serving.lint.releases.flag_table import Release, release_of, rows

_ASKED_SINCE = "0.14.1"
"""The oldest release whose configuration refused what lies outside of a flag's bounds."""

_SIZE = re.compile(r"-?\d+(\.\d+)?[kKmMgGtT]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagNumber:
    """`kind`: `int`, `float`, or `size` (whole, or with k, M, G …). `least` and `most` are taken, `above` is not;
    `besides` is taken too. None: no such bound.
    """

    kind: str
    least: float | None = None
    above: float | None = None
    most: float | None = None
    besides: float | None = None
    bounded_since: str = _ASKED_SINCE

    def reads(self, text: str) -> bool:
        """Whether the parser reads it: of two spellings it is generous where releases differ."""
        if self.kind == "size":
            return text == "auto" or bool(_SIZE.fullmatch(text))
        try:
            int(text) if self.kind == "int" else float(text)
        except ValueError:
            return False
        return True

    def is_within(self, value: float) -> bool:
        """Whether it lies inside the bounds."""
        low = (self.least is None or value >= self.least) and (self.above is None or value > self.above)
        return value == self.besides or (low and (self.most is None or value <= self.most))

    def is_bounded_in(self, release: Release) -> bool:
        """Whether the release is known to refuse what lies outside."""
        return release >= release_of(self.bounded_since)

    @property
    def wanted(self) -> str:
        """The kind in words."""
        return {"int": "a whole number", "float": "a number", "size": "a whole number, or one like 32k"}[self.kind]

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        low = f"above {self.above:g}" if self.above is not None else f"{self.least:g} or more"
        return low if self.most is None else f"{low} and at most {self.most:g}"


@cache
def flag_numbers() -> dict[str, FlagNumber]:
    """The flags of the table that take a number."""
    known = ("kind", "least", "above", "most", "besides", "bounded_since")
    listed = (row for row in map(json.loads, rows()) if "kind" in row)
    return {row["flag"]: FlagNumber(**{name: row[name] for name in known if name in row}) for row in listed}
