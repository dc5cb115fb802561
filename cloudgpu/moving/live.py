"""Whether the new side still does well, once clients use it. Pure: counters before, counters now, a verdict.

The counters are the gateway's for each side (requests, errors) and the new engine's own (`/metrics`: seconds to first
token). Without a gateway only the engine's are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict

GATE = "live"
MIN_REQUESTS = 20
"""Below so many requests a share of errors, or a mean, says nothing."""

_MORE_ERRORS = 0.05
"""By how much of all requests the new side's errors may be above the old side's, as in the stability gate."""

_SLOWER = 3.0
"""How many times slower to the first token than at its own gates the new side may be."""

_UNNOTICED_S = 0.5
"""A mean time to first token below this is no regression, whatever it was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Running totals of one side. `ttft_s` is the sum over `first_tokens` requests, by the engine's own clock."""

    requests: int = 0
    errors: int = 0
    first_tokens: int = 0
    ttft_s: float = 0.0

    def since(self, before: "Count") -> "Count":
        """What was added. A counter that fell began anew meanwhile: then all of it was added."""
        gate = self if self.requests < before.requests or self.errors < before.errors else None
        engine = self if self.first_tokens < before.first_tokens else None
        return Count(
            requests=self.requests - (0 if gate else before.requests),
            errors=self.errors - (0 if gate else before.errors),
            first_tokens=self.first_tokens - (0 if engine else before.first_tokens),
            ttft_s=self.ttft_s - (0.0 if engine else before.ttft_s),
        )

    @property
    def error_share(self) -> float:
        """Errors of all requests."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mean_ttft_s(self) -> float | None:
        """None before any token."""
        return self.ttft_s / self.first_tokens if self.first_tokens else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The totals of both sides at one moment: what later ones are measured against."""

    old: Count
    new: Count

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {"old": _body(self.old), "new": _body(self.new)}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Baseline":
        """What `as_body` wrote."""
        return Baseline(old=Count(**body["old"]), new=Count(**body["new"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Both sides as they are now. `refusal` says why the new side did not answer as it should, None when it did;
    `nonsense` why its answers look broken, None when they do not."""

    at: datetime
    old_is_healthy: bool
    refusal: str | None
    counts: Baseline
    nonsense: str | None = None

    @property
    def new_is_sound(self) -> bool:
        """The new side answers, and makes sense."""
        return self.refusal is None and self.nonsense is None


def judge_live(old: str, new: str, before: Baseline, seen: Observation) -> Verdict:
    """What was seen of the new side since `before`. Fails for a side that does not answer, errs or has slowed down."""
    was, now = seen.counts.old.since(before.old), seen.counts.new.since(before.new)
    checks = (_answers(new, seen), _errors(was, now), _slower(before.new, now))
    return Verdict(old=old, new=new, at=seen.at, checks=checks)


def _answers(new: str, seen: Observation) -> Check:
    if seen.new_is_sound:
        return Check(gate=GATE, name="answers", outcome=Outcome.PASS, reason=f"{new} answers")
    found = f"does not answer: {seen.refusal}" if seen.refusal else f"answers, but {seen.nonsense}"
    return Check(gate=GATE, name="answers", outcome=Outcome.FAIL, reason=f"{new} {found}")


def _errors(was: Count, now: Count) -> Check:
    said = f"{now.errors} of {now.requests} requests failed on the new side"
    if now.requests < MIN_REQUESTS:
        outcome, said = Outcome.NOT_JUDGED, f"{said}: too few to judge"
    elif now.error_share > was.error_share + _MORE_ERRORS:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.PASS
    return Check(
        gate=GATE, name="errors", outcome=outcome, reason=said, old=was.error_share, new=now.error_share, unit="share",
        limit=_MORE_ERRORS, samples=now.requests,
    )  # fmt: skip


def _slower(before: Count, now: Count) -> Check:
    first, mean = before.mean_ttft_s, now.mean_ttft_s
    if first is None or mean is None or now.first_tokens < MIN_REQUESTS:
        reason = f"{now.first_tokens} first tokens are too few to judge"
        return Check(gate=GATE, name="TTFT", outcome=Outcome.NOT_JUDGED, reason=reason, samples=now.first_tokens)
    slow = mean > max(_UNNOTICED_S, first * _SLOWER)
    return Check(
        gate=GATE, name="TTFT", outcome=Outcome.FAIL if slow else Outcome.PASS,
        reason=f"the first token takes {mean * 1000:.0f} ms, {first * 1000:.0f} ms when it was measured",
        old=first * 1000, new=mean * 1000, unit="ms", ratio=mean / first if first else None, limit=_SLOWER,
        samples=now.first_tokens,
    )  # fmt: skip


def _body(count: Count) -> dict[str, Any]:
    return {
        "requests": count.requests, "errors": count.errors, "first_tokens": count.first_tokens, "ttft_s": count.ttft_s,
    }  # fmt: skip
