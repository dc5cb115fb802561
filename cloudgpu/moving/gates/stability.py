"""The stability gate: did the new side stay up through everything that it was asked?"""

from collections import Counter
from collections.abc import Sequence

from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import CRASHES, Sample
from cloudgpu.moving.gates.thresholds import StabilityLimits
from cloudgpu.moving.gates.verdict import Check, Outcome

GATE = "stability"


def stability_checks(old: Run, new: Run, limits: StabilityLimits) -> list[Check]:
    """No crash in twenty requests and more, and not more errors than the old side."""
    return [*_old_side(old), _crashes(new.samples, limits), _errors(old.samples, new.samples, limits)]


def _old_side(old: Run) -> list[Check]:
    """Told only when the old side went away itself: nothing can be held against it then."""
    if old.ended is None:
        return []
    reason = f"the old side could not be measured to the end: {old.ended}"
    return [Check(gate=GATE, name="old side", outcome=Outcome.INCONCLUSIVE, reason=reason)]


def _crashes(samples: Sequence[Sample], limits: StabilityLimits) -> Check:
    crashes = Counter(sample.trouble.value for sample in samples if sample.trouble in CRASHES and sample.trouble)
    count = crashes.total()
    if count > limits.max_crashes:
        kinds = ", ".join(f"{number} {kind}" for kind, number in crashes.most_common())
        outcome, reason = Outcome.FAIL, f"the new side failed {count} of {len(samples)} requests ({kinds})"
    elif len(samples) < limits.min_requests:
        outcome = Outcome.INCONCLUSIVE
        reason = f"the new side was asked {len(samples)} questions; {limits.min_requests} are needed"
    else:
        outcome, reason = Outcome.PASS, f"the new side stayed up through {len(samples)} requests"
    return Check(
        gate=GATE, name="crashes", outcome=outcome, reason=reason, new=float(count), limit=float(limits.max_crashes),
        samples=len(samples),
    )  # fmt: skip


def _errors(old: Sequence[Sample], new: Sequence[Sample], limits: StabilityLimits) -> Check:
    before, after = _error_share(old), _error_share(new)
    if len(new) < limits.min_requests:
        outcome, reason = Outcome.INCONCLUSIVE, f"{len(new)} requests are too few to compare errors"
    elif after - before > limits.max_more_errors:
        outcome = Outcome.FAIL
        reason = f"{after:.0%} of the new side's requests fail, {before:.0%} of the old side's"
    else:
        outcome, reason = Outcome.PASS, f"{after:.0%} of requests fail on the new side, {before:.0%} on the old one"
    return Check(
        gate=GATE, name="errors", outcome=outcome, reason=reason, old=before, new=after, unit="share",
        limit=limits.max_more_errors, samples=len(new),
    )  # fmt: skip


def _error_share(samples: Sequence[Sample]) -> float:
    return sum(sample.trouble is not None for sample in samples) / len(samples) if samples else 0.0
