"""What the gates found: one check after the other, and one word for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.moving.bench.interval import Interval


class Outcome(StrEnum):
    """How a check ended. `NOT_JUDGED`: it was measured or not, and no limit was set for it."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_JUDGED = "not_judged"


GATES = ("readiness", "stability", "bench", "quality", "cost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question to the new side. `reason` is one sentence that a person can act on.

    `old` and `new` are what was measured, in `unit`; `ratio` is new over old with its `low` and `high` end, `limit`
    the most (or least) it may be; each None where it does not apply. `samples` is how many pairs or requests stand
    behind it.
    """

    gate: str
    name: str
    outcome: Outcome
    reason: str
    old: float | None = None
    new: float | None = None
    unit: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    samples: int = 0

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self) | {"outcome": self.outcome.value}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Check":
        """What `as_body` wrote. Raises TypeError, KeyError or ValueError for anything else."""
        return Check(**{**body, "outcome": Outcome(body["outcome"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Every check of every gate, in the order of `GATES`, and when it was found."""

    old: str
    new: str
    at: datetime
    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Outcome:
        """Fail when anything failed, else inconclusive when anything is, or nothing was judged, else pass."""
        found = worst([check.outcome for check in self.checks])
        return Outcome.INCONCLUSIVE if found is Outcome.NOT_JUDGED else found

    @property
    def reason(self) -> str:
        """The sentence of the first check that decided, and how many more did; of a pass, how much was checked."""
        deciding = [check for check in self.checks if check.outcome is self.outcome]
        if self.outcome is Outcome.PASS:
            return f"{len(deciding)} checks passed"
        more = f" (and {len(deciding) - 1} more)" if len(deciding) > 1 else ""
        return f"{deciding[0].reason}{more}" if deciding else "nothing could be judged"

    def gate(self, name: str) -> Outcome:
        """The outcome of one gate; not judged when it was left out."""
        return worst([check.outcome for check in self.checks if check.gate == name])

    def as_body(self) -> dict[str, Any]:
        """The form in which it is kept and shown: JSON values only."""
        return {
            "old": self.old, "new": self.new, "at": utc_text(self.at), "outcome": self.outcome.value,
            "reason": self.reason, "gates": {gate: self.gate(gate).value for gate in GATES},
            "checks": [check.as_body() for check in self.checks],
        }  # fmt: skip

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Verdict":
        """What `as_body` wrote. Raises TypeError, KeyError or ValueError for anything else."""
        checks = tuple(Check.from_body(each) for each in body["checks"])
        return Verdict(old=body["old"], new=body["new"], at=parse_utc(body["at"]), checks=checks)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """One word for several checks: what is not judged counts for nothing, unless nothing was."""
    judged = [each for each in outcomes if each is not Outcome.NOT_JUDGED]
    if not judged:
        return Outcome.NOT_JUDGED
    order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
    return next(each for each in order if each in judged)


def within(interval: Interval, most: float) -> Outcome:
    """Pass when the whole interval is at or below the limit, fail when the whole of it is above, else inconclusive."""
    if interval.high <= most:
        return Outcome.PASS
    return Outcome.FAIL if interval.low > most else Outcome.INCONCLUSIVE


def at_least(interval: Interval, least: float) -> Outcome:
    """Pass when the whole interval is at or above the limit, fail when the whole of it is below, else inconclusive."""
    if interval.low >= least:
        return Outcome.PASS
    return Outcome.FAIL if interval.high < least else Outcome.INCONCLUSIVE
