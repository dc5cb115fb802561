"""The quality gate: does the new side still pass the golden prompts, and does nothing look broken?"""

from collections import Counter
from collections.abc import Sequence

from cloudgpu.moving.bench.interval import Interval, difference_of_means
from cloudgpu.moving.bench.question import QUESTIONS
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import Trouble
from cloudgpu.moving.gates.thresholds import QualityLimits, Thresholds
from cloudgpu.moving.gates.verdict import Check, Outcome, at_least, within
from cloudgpu.moving.quality.anomalies import anomalies
from cloudgpu.moving.quality.referee import Opinion
from cloudgpu.moving.quality.trial import QualityRun

_BENCH = "bench answers"
GATE = "quality"


def answer_checks(old: QualityRun, new: QualityRun, thresholds: Thresholds, seed: int) -> list[Check]:
    """The share of golden prompts that pass, those that were lost for good, and answers that look broken.

    Too few prompts say nothing of what passes; what looks broken is judged however few they are.
    """
    limits, prompts = thresholds.quality, len(old.passed_share())
    broken = _broken("anomalies", _pairs(old.anomaly_share(), new.anomaly_share()), _kinds(new), thresholds, seed + 1)
    if reason := too_few(prompts, limits):
        return [
            Check(gate=GATE, name="golden prompts", outcome=Outcome.INCONCLUSIVE, reason=reason, samples=prompts),
            broken,
        ]
    return [_passes(old, new, thresholds, seed), _lost(old, new, limits), broken]


def bench_answer_checks(old: Run, new: Run, thresholds: Thresholds, seed: int) -> list[Check]:
    """Whether what was said under the bench looks broken: with golden prompts or without, there are answers enough.

    Nothing where no question was answered by both sides. Whether an answer was cut off is not asked: the bench gives
    it little room on purpose. Requests without an answer are the stability gate's.
    """
    before, after = _signs(old), _signs(new)
    pairs = [(float(bool(signs)), float(bool(after[place]))) for place, signs in before.items() if place in after]
    kinds = Counter(kind for signs in after.values() for kind in signs)
    return [_broken(_BENCH, pairs, kinds, thresholds, seed)] if pairs else []


def too_few(prompts: int, limits: QualityLimits) -> str | None:
    """Why so many golden prompts conclude nothing; None: they are enough."""
    if prompts >= limits.min_prompts:
        return None
    held = "1 golden prompt is" if prompts == 1 else f"{prompts} golden prompts are"
    return f"{held} too few to conclude from; {limits.min_prompts} are needed"


def _passes(old: QualityRun, new: QualityRun, thresholds: Thresholds, seed: int) -> Check:
    pairs = _pairs(old.passed_share(), new.passed_share())
    before, after = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    name, least = "golden prompts", thresholds.quality.min_ratio
    if before == 0:
        reason = "the old side passes no golden prompt, so there is nothing to hold the new one to"
        return Check(gate=GATE, name=name, outcome=Outcome.INCONCLUSIVE, reason=reason, old=before, new=after)
    difference = difference_of_means(pairs, confidence=thresholds.confidence, seed=seed)
    low, high = (max(0.0, 1 + end / before) for end in (difference.low, difference.high))
    interval = Interval(value=after / before, low=low, high=high, count=len(pairs))
    said = f"the new side passes {after:.0%} of golden prompts, the old one {before:.0%}"
    outcome = at_least(interval, least)
    ends = {
        Outcome.PASS: f"{said}: at least {least:.0%} of the old side's share",
        Outcome.FAIL: f"{said}: less than {least:.0%} of the old side's share",
        Outcome.INCONCLUSIVE: f"{said}: whether that is {least:.0%} of the old side's share, {len(pairs)} prompts "
        "cannot tell",
    }
    return Check(
        gate=GATE, name=name, outcome=outcome, reason=ends[outcome], old=before, new=after, unit="share",
        ratio=interval.value, low=low, high=high, limit=least, samples=len(new.trials),
    )  # fmt: skip


def _lost(old: QualityRun, new: QualityRun, limits: QualityLimits) -> Check:
    before, after = old.passed_share(), new.passed_share()
    lost = [prompt for prompt, share in before.items() if share == 1 and after.get(prompt) == 0]
    shown = ", ".join(lost[:3]) + (" and more" if len(lost) > 3 else "")
    if len(lost) > limits.max_lost:
        outcome = Outcome.FAIL
        reason = f"{len(lost)} prompts that the old side always passes fail always on the new one: {shown}"
    else:
        outcome = Outcome.PASS
        reason = f"{len(lost)} prompts were lost for good ({shown})" if lost else "no prompt was lost for good"
    return Check(
        gate=GATE, name="lost prompts", outcome=outcome, reason=reason, new=float(len(lost)),
        limit=float(limits.max_lost), samples=len(before),
    )  # fmt: skip


def opinion_check(found: Sequence[Opinion], thresholds: Thresholds, seed: int) -> Check:
    """What a judge model prefers, from -1 (always the old side) to 1; one that is unsure prefers neither."""
    counts = Counter(each.preference for each in found)
    least, name = thresholds.quality.min_preference, "judge model"
    said = f"the judge prefers the new side {counts['new']} times, the old one {counts['old']}, neither "
    said += f"{counts['tie'] + counts['unsure']}"
    if len(found) < thresholds.quality.min_prompts:
        reason = f"{said}: too few to conclude from"
        return Check(gate=GATE, name=name, outcome=Outcome.INCONCLUSIVE, reason=reason, samples=len(found))
    marks = [(0.0, float({"new": 1, "old": -1}.get(each.preference, 0))) for each in found]
    interval = difference_of_means(marks, confidence=thresholds.confidence, seed=seed)
    return Check(
        gate=GATE, name=name, outcome=at_least(interval, least), reason=said, new=interval.value, unit="preference",
        limit=least, samples=len(found),
    )  # fmt: skip


def _broken(
    name: str, pairs: Sequence[tuple[float, float]], kinds: Counter[str], thresholds: Thresholds, seed: int
) -> Check:
    interval = difference_of_means(pairs, confidence=thresholds.confidence, seed=seed)
    before, after = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    shown = f" ({', '.join(kind for kind, _ in kinds.most_common(3))})" if kinds else ""
    most = thresholds.quality.max_more_anomalies
    outcome = within(interval, most)
    what = name if name == _BENCH else "answers"
    said = f"{after:.0%} of the new side's {what} look broken{shown}, {before:.0%} of the old side's"
    open_end = f": whether that is {most:.0%} more, {len(pairs)} prompts cannot tell"
    return Check(
        gate=GATE, name=name, outcome=outcome,
        reason=said + (open_end if outcome is Outcome.INCONCLUSIVE else ""), old=before, new=after, unit="share",
        limit=most, samples=len(pairs),
    )  # fmt: skip


def _kinds(run: QualityRun) -> Counter[str]:
    return Counter(kind for trial in run.trials for kind in trial.anomalies)


def _signs(run: Run) -> dict[tuple[int, int, int], tuple[str, ...]]:
    """What looks broken in each answer, by its place in the workload; of an engine that thinks first and had no room
    left for the answer, in its thoughts."""
    return {
        sample.place: anomalies(_ASKED.get(sample.kind, ""), sample.text or sample.reasoning,
                                tool_calls=sample.tool_calls)
        for sample in run.samples
        if sample.trouble in (None, Trouble.EMPTY)
    }  # fmt: skip


_ASKED = {each.kind: each.text for each in QUESTIONS}


def _pairs(old: dict[str, float], new: dict[str, float]) -> list[tuple[float, float]]:
    return [(share, new.get(prompt, 0.0)) for prompt, share in old.items()]
