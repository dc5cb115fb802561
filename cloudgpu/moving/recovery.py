"""How long a new side that failed a look must pass before it gets more requests, or its old side may go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text

LOOKS = 3
"""So many looks that pass, one after the other, ..."""

LASTS = timedelta(minutes=10)
"""... over so long. Both are judgement: one good answer is what a side that comes and goes gives too."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What passed since the last look that failed: how many looks, and since when (None: not one yet)."""

    looks: int = 0
    since: datetime | None = None

    def passed(self, at: datetime) -> "Recovery":
        """One more look that passed, at this time."""
        return Recovery(self.looks + 1, self.since or at)

    def is_over(self, at: datetime) -> bool:
        """Whether the side is to be trusted again."""
        return self.since is not None and self.looks >= LOOKS and at - self.since >= LASTS

    def next_due(self, at: datetime) -> datetime:
        """When it may be over at the earliest: always later than `at`."""
        return max((self.since or at) + LASTS, at + LASTS / LOOKS)

    def told(self, new: str, then: str) -> str:
        """How far it is, and what comes `then`."""
        minutes = int(LASTS.total_seconds() // 60)
        return (
            f"{new} failed a look and passes again, {self.looks} of {LOOKS} looks so far; {then} after {LOOKS} that "
            f"pass over {minutes} minutes"
        )

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {"looks": self.looks, "since": utc_text(self.since) if self.since else None}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Recovery":
        """What `as_body` wrote."""
        return Recovery(int(body["looks"]), parse_utc(body["since"]) if body["since"] else None)


def after_a_look(before: Recovery | None, *, failed: bool, at: datetime) -> Recovery | None:
    """What is remembered once a look failed or passed; None while none has failed."""
    if failed:
        return Recovery()
    return before.passed(at) if before else None
