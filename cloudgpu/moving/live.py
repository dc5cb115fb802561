"""Whether the new side still does well, once clients use it. Pure: counters before, counters now, a verdict.

The counters are the gateway's for each side (requests, errors) and the engines' own (`/metrics`: seconds to first
token). Without a gateway only the engines' are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloudgpu.moving.footing import SILENCE
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict

GATE = "live"
MIN_REQUESTS = 20
"""Below so many requests a share of errors, or a mean, says nothing."""

_MORE_ERRORS = 0.05
"""By how much of all requests the new side's errors may be above the old side's, as in the stability gate."""

_FEW_ERRORS = 5
"""Fewer errors than this are chance: the same few minutes are judged again and again."""

_SLOWER = 3.0
"""How many times slower to the first token the new side may be than at its own gates, or than the old side for the same
clients, whose prompts may be longer than those of the gates."""

_LATE = 0.1
"""The share of first tokens that come later than that which is no regression: one long prompt among twenty."""

_UNNOTICED_S = 0.5
"""A mean time to first token below this is no regression, whatever it was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Running totals of one side. `ttft_s` is the sum over `first_tokens` requests, by the engine's own clock.

    `within` tells how many of them came in at most so many seconds; empty when the engine does not tell.
    """

    requests: int = 0
    errors: int = 0
    first_tokens: int = 0
    ttft_s: float = 0.0
    within: Mapping[float, int] = field(default_factory=dict)

    def since(self, before: "Count") -> "Count":
        """What was added. A counter that fell began anew meanwhile: then all of it was added."""
        gate = self if self.requests < before.requests or self.errors < before.errors else None
        engine = self if self.first_tokens < before.first_tokens else None
        anew = engine is not None or not before.first_tokens
        return Count(
            requests=self.requests - (0 if gate else before.requests),
            errors=self.errors - (0 if gate else before.errors),
            first_tokens=self.first_tokens - (0 if engine else before.first_tokens),
            ttft_s=self.ttft_s - (0.0 if engine else before.ttft_s),
            within={
                bound_s: count - (0 if anew else before.within[bound_s])
                for bound_s, count in self.within.items()
                if anew or bound_s in before.within
            },
        )

    @property
    def error_share(self) -> float:
        """Errors of all requests."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mean_ttft_s(self) -> float | None:
        """None before any token."""
        return self.ttft_s / self.first_tokens if self.first_tokens else None

    def late(self, seconds: float) -> float | None:
        """How many first tokens came later than that, as if evenly spread between two bounds; None when nobody tells.

        So Prometheus' `histogram_quantile` reads them. vLLM's bounds are 2.5 times apart and more: of what lies between
        two of them, none can be told to be late or in time for sure.
        """
        above_s = min((bound_s for bound_s in self.within if bound_s >= seconds), default=None)
        if above_s is None:
            return None
        below_s = max((bound_s for bound_s in self.within if bound_s < seconds), default=0.0)
        between = self.within[above_s] - self.within.get(below_s, 0)
        return self.first_tokens - self.within[above_s] + between * (above_s - seconds) / (above_s - below_s)


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
        return Baseline(old=_count(body["old"]), new=_count(body["new"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Both sides as they are now. `refusal` says why the new side did not answer as it should, None when it did;
    `nonsense` why its answers look broken, None when they do not; `found` either in words, `fails: …`, None
    when nobody put it so."""

    at: datetime
    old_is_healthy: bool
    refusal: str | None
    counts: Baseline
    nonsense: str | None = None
    found: str | None = None

    @property
    def new_is_sound(self) -> bool:
        """The new side answers, and makes sense."""
        return self.refusal is None and self.nonsense is None


def judge_live(old: str, new: str, before: Baseline, seen: Observation, *, since: Baseline) -> Verdict:
    """What was seen of the new side since then. Fails for a side that does not answer, errs or has slowed down.

    It is held against what both sides had done `before` it got its share, and what the old one has done since.
    """
    was, now = seen.counts.old.since(since.old), seen.counts.new.since(since.new)
    checks = (_answers(new, seen), _errors((before.old, was), now), _slower((before.new, before.old, was), now))
    return Verdict(old=old, new=new, at=seen.at, checks=checks)


def _answers(new: str, seen: Observation) -> Check:
    if seen.new_is_sound:
        return Check(gate=GATE, name="answers", outcome=Outcome.PASS, reason=f"{new} answers")
    found = seen.found or (SILENCE if seen.refusal else f"answers, but {seen.nonsense}")
    why = f": {seen.refusal}" if found == SILENCE else ""
    return Check(gate=GATE, name="answers", outcome=Outcome.FAIL, reason=f"{new} {found}{why}")


def _errors(usual: Sequence[Count], now: Count) -> Check:
    """`usual` is what the old side did: its clients' own mistakes are met by the new one too."""
    share = max((each.error_share for each in usual if each.requests >= MIN_REQUESTS), default=0.0)
    said = f"{now.errors} of {now.requests} requests failed on the new side"
    if now.requests < MIN_REQUESTS:
        outcome, said = Outcome.NOT_JUDGED, f"{said}: too few to judge"
    elif now.error_share > share + _MORE_ERRORS and now.errors >= _FEW_ERRORS:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.PASS
    return Check(
        gate=GATE, name="errors", outcome=outcome, reason=said, old=share, new=now.error_share, unit="share",
        limit=_MORE_ERRORS, samples=now.requests,
    )  # fmt: skip


def _slower(usual: Sequence[Count], now: Count) -> Check:
    """`usual` is what it is measured against, its own gates first: the slowest counts, for it was good enough.

    Means of a few do not: the first answers after a start may take a minute. Where all are few, its own gates count.
    """
    enough = [each for each in usual if each.first_tokens >= MIN_REQUESTS] or usual[:1]
    first = max((each.mean_ttft_s for each in enough if each.mean_ttft_s is not None), default=None)
    mean = now.mean_ttft_s
    if first is None or mean is None or now.first_tokens < MIN_REQUESTS:
        reason = f"{now.first_tokens} first tokens are too few to judge"
        return Check(gate=GATE, name="TTFT", outcome=Outcome.NOT_JUDGED, reason=reason, samples=now.first_tokens)
    limit_s = max(_UNNOTICED_S, first * _SLOWER)
    late = now.late(limit_s)
    slow = mean > limit_s and (late is None or late > _LATE * now.first_tokens)
    told = f", {late:.0f} of {now.first_tokens} after more than {limit_s * 1000:.0f} ms" if slow and late else ""
    return Check(
        gate=GATE, name="TTFT", outcome=Outcome.FAIL if slow else Outcome.PASS,
        reason=f"the first token takes {mean * 1000:.0f} ms on average, {first * 1000:.0f} ms before{told}",
        old=first * 1000, new=mean * 1000, unit="ms", ratio=mean / first if first else None, limit=_SLOWER,
        samples=now.first_tokens,
    )  # fmt: skip


def _body(count: Count) -> dict[str, Any]:
    return {
        "requests": count.requests, "errors": count.errors, "first_tokens": count.first_tokens, "ttft_s": count.ttft_s,
        "within": [[bound_s, n] for bound_s, n in count.within.items()],
    }  # fmt: skip


def _count(body: Mapping[str, Any]) -> Count:
    return Count(**{**body, "within": dict(body.get("within", ()))})
