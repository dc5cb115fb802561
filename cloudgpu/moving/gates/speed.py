"""The bench gate: is the new side as fast as the old one, on the same questions in the same minutes?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from cloudgpu.moving.bench.interval import Interval, ratio_of_pairs, ratio_of_quantiles
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import Sample
from cloudgpu.moving.gates.thresholds import Limit, Thresholds
from cloudgpu.moving.gates.verdict import Check, Outcome, within

GATE = "bench"

Value = Callable[[Sample], float | None]

_SLOW_END = 0.95


def speed_checks(old: Run, new: Run, thresholds: Thresholds, seed: int) -> list[Check]:
    """TTFT, its slow end at the highest load, and TPOT; the whole time a token where a side does not stream."""
    limits = thresholds.bench
    if _streams(old) and not _streams(new):
        return [_check("streaming", Outcome.FAIL, "the new side does not stream, although the old one does")]
    if not _streams(old) or not _streams(new):
        return [_paired("time per output token, whole", old, new, lambda each: each.s_per_token, limits.s_per_token,
                        thresholds, seed)]  # fmt: skip
    checks = [
        _paired("TTFT", old, new, lambda each: each.ttft_s, limits.ttft, thresholds, seed),
        _slow_end(old, new, limits.ttft_p95, thresholds, seed + 1),
        _decode(old, new, thresholds, seed + 2),
    ]
    return [*checks, *_goodput(new, thresholds)]


def pairs_of(old: Run, new: Run, value: Value) -> tuple[list[float], list[float]]:
    """The values of both sides where both answered the same question of the workload, each above zero."""
    before = {sample.place: value(sample) for sample in old.samples if sample.trouble is None}
    after = {sample.place: value(sample) for sample in new.samples if sample.trouble is None}
    both = [(one, other) for place, one in before.items() if one and (other := after.get(place))]
    return [one for one, _ in both], [other for _, other in both]


def _paired(
    name: str, old: Run, new: Run, value: Value, limit: Limit, thresholds: Thresholds, seed: int
) -> Check:  # fmt: skip
    before, after = pairs_of(old, new, value)
    if len(before) < thresholds.bench.min_samples:
        return _too_few(name, len(before), thresholds.bench.min_samples)
    interval = ratio_of_pairs(before, after, confidence=thresholds.confidence, seed=seed)
    return _weighed(name, interval, sorted(before), sorted(after), 0.5, limit)


def _decode(old: Run, new: Run, thresholds: Thresholds, seed: int) -> Check:
    """TPOT; where a server counts no tokens, the mean gap between pieces of each answer stands for it."""
    counted = all(any(sample.tpot_s for sample in run.samples) for run in (old, new))
    name, value = ("TPOT", _tpot_s) if counted else ("ITL (a server counts no tokens)", _mean_itl_s)
    return _paired(name, old, new, value, thresholds.bench.tpot, thresholds, seed)


def _tpot_s(sample: Sample) -> float | None:
    return sample.tpot_s


def _mean_itl_s(sample: Sample) -> float | None:
    return fmean(sample.itls_s) if sample.itls_s else None


def _slow_end(old: Run, new: Run, limit: Limit, thresholds: Thresholds, seed: int) -> Check:
    """The 95th percentile at the most users: what the unlucky wait when it matters."""
    name, most = "TTFT p95 under load", max((*old.levels, 0))
    before, after = pairs_of(_only(old, most), _only(new, most), lambda each: each.ttft_s)
    if len(before) < thresholds.bench.min_samples:
        return _too_few(name, len(before), thresholds.bench.min_samples)
    interval = ratio_of_quantiles(before, after, _SLOW_END, confidence=thresholds.confidence, seed=seed)
    return _weighed(name, interval, sorted(before), sorted(after), _SLOW_END, limit)


def _weighed(
    name: str, interval: Interval, before: Sequence[float], after: Sequence[float], share: float, limit: Limit
) -> Check:
    was, now = (values[min(int(share * len(values)), len(values) - 1)] for values in (before, after))
    outcome, reason = _outcome(name, interval, now, limit)
    return Check(
        gate=GATE, name=name, outcome=outcome, reason=reason, old=was * 1000, new=now * 1000, unit="ms",
        ratio=interval.value, low=interval.low, high=interval.high, limit=limit.max_ratio, samples=interval.count,
    )  # fmt: skip


def _outcome(name: str, interval: Interval, now_s: float, limit: Limit) -> tuple[Outcome, str]:
    said = f"{name} is {interval.value:.2f} times the old side's ({interval.low:.2f} to {interval.high:.2f})"
    if limit.max_ratio is None:
        return Outcome.NOT_JUDGED, f"{said}; no limit is set"
    if limit.good_enough_s is not None and now_s <= limit.good_enough_s:
        return Outcome.PASS, f"{name} of {now_s * 1000:.0f} ms is good enough, whatever the old side takes"
    outcome = within(interval, limit.max_ratio)
    ends = {
        Outcome.PASS: f"{said}, at most {limit.max_ratio:g}",
        Outcome.FAIL: f"{said}, and may be {limit.max_ratio:g} at most",
        Outcome.INCONCLUSIVE: f"{said}: whether it stays below {limit.max_ratio:g}, {interval.count} pairs cannot tell",
    }
    return outcome, ends[outcome]


def _goodput(new: Run, thresholds: Thresholds) -> list[Check]:
    if not thresholds.slo.is_given:
        return []
    kept = [thresholds.slo.is_met(sample) for sample in new.samples]
    if len(kept) < thresholds.bench.min_samples:
        return [_too_few("goodput", len(kept), thresholds.bench.min_samples)]
    share, least = sum(kept) / len(kept), thresholds.min_goodput_share
    reason = f"{share:.0%} of the new side's answers keep every service level; at least {least:.0%} must"
    outcome = Outcome.PASS if share >= least else Outcome.FAIL
    return [Check(gate=GATE, name="goodput", outcome=outcome, reason=reason, new=share, limit=least, samples=len(kept))]


def _too_few(name: str, count: int, least: int) -> Check:
    words = f"{name} was measured on {count} questions that both sides answered; {least} are needed"
    return _check(name, Outcome.INCONCLUSIVE, words, count)


def _check(name: str, outcome: Outcome, reason: str, samples: int = 0) -> Check:
    return Check(gate=GATE, name=name, outcome=outcome, reason=reason, samples=samples)


def _streams(run: Run) -> bool:
    return any(sample.ttft_s is not None for sample in run.samples if sample.trouble is None)


def _only(run: Run, users: int) -> Run:
    return replace(run, stages=tuple(stage for stage in run.stages if stage.users == users))
