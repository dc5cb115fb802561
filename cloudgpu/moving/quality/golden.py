"""Golden prompts: questions with what a good answer must hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_TOKENS = 512
"""The room for an answer, unless the file says otherwise: enough for a model that thinks first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One thing that must hold. `kind` is promptfoo's name without `not-`, `negated` that prefix.

    `value` is what the kind needs (None: nothing), `threshold` milliseconds of a latency, dollars of a cost. `weight`
    counts in the score of the whole test.
    """

    kind: str
    negated: bool = False
    value: Any = None
    threshold: float | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        """As the file writes it."""
        return f"not-{self.kind}" if self.negated else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenTest:
    """A question and what its answer must hold. Without `threshold` every assertion must hold, else the weighted share
    of those that do must reach it."""

    name: str
    question: str
    assertions: tuple[Assertion, ...]
    threshold: float | None = None
    max_tokens: int = MAX_TOKENS
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenSet:
    """Every test of a file. `notes` are sentences on what of the file is not used."""

    name: str
    tests: tuple[GoldenTest, ...]
    notes: tuple[str, ...] = ()
