"""The bench gate: is the new side as fast as the old one, on the same questions in the same minutes?"""

from collections.abc import Sequence
from statistics import fmean, median

from cloudgpu.moving.bench.figures import percentile
from cloudgpu.moving.bench.interval import Interval
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import Sample
from cloudgpu.moving.gates.thresholds import Limit, Thresholds
from cloudgpu.moving.gates.turns import LEAST, Statistic, Turn, Value, at_most_users, pairs_in, ratio_of, turns_of
from cloudgpu.moving.gates.verdict import Check, Outcome, within

GATE = "bench"


def speed_checks(old: Run, new: Run, thresholds: Thresholds, seed: int) -> list[Check]:
    """TTFT, its slow end at the highest load, and TPOT; the whole time a token where a side does not stream."""
    limits = thresholds.bench
    if _streams(old) and not _streams(new):
        return [_check("streaming", Outcome.FAIL, "the new side does not stream, although the old one does")]
    if not _streams(old) or not _streams(new):
        return [_paired("time per output token, whole", old, new, lambda each: each.s_per_token, limits.s_per_token,
                        thresholds, seed)]  # fmt: skip
    checks = [
        _paired("TTFT", old, new, _ttft_s, limits.ttft, thresholds, seed),
        _slow_end(old, new, limits.ttft_p95, thresholds, seed + 1),
        _decode(old, new, thresholds, seed + 2),
    ]
    return [*checks, *_goodput(new, thresholds)]


def _paired(name: str, old: Run, new: Run, value: Value, limit: Limit, thresholds: Thresholds, seed: int) -> Check:
    return _weighed(name, turns_of(old, new, value), median, limit, thresholds, seed)


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
    turns = at_most_users(turns_of(old, new, _ttft_s))
    return _weighed("TTFT p95 under load", turns, _p95, limit, thresholds, seed)


def _weighed(
    name: str, turns: Sequence[Turn], statistic: Statistic, limit: Limit, thresholds: Thresholds, seed: int
) -> Check:  # fmt: skip
    pairs = pairs_in(turns)
    if pairs < thresholds.bench.min_samples or len(turns) < LEAST:
        return _too_few(name, pairs, len(turns), thresholds.bench.min_samples)
    interval = ratio_of(turns, statistic, confidence=thresholds.confidence, seed=seed)
    was, now = (statistic([value for turn in turns for value in side(turn)]) for side in (_old, _new))
    outcome, reason = _outcome(name, interval, now, limit)
    return Check(
        gate=GATE, name=name, outcome=outcome, reason=reason, old=was * 1000, new=now * 1000, unit="ms",
        ratio=interval.value, low=interval.low, high=interval.high, limit=limit.max_ratio, samples=pairs,
    )  # fmt: skip


def _outcome(name: str, interval: Interval, now_s: float, limit: Limit) -> tuple[Outcome, str]:
    said = f"{name} is {interval.value:.2f} times the old side's ({interval.low:.2f} to {interval.high:.2f})"
    if limit.max_ratio is None:
        return Outcome.NOT_JUDGED, f"{said}; no limit is set"
    if limit.good_enough_s is not None and now_s <= limit.good_enough_s:
        return Outcome.PASS, f"{name} of {_ms(now_s)} ms is good enough, whatever the old side takes"
    outcome = within(interval, limit.max_ratio)
    ends = {
        Outcome.PASS: f"{said}, at most {limit.max_ratio:g}",
        Outcome.FAIL: f"{said}, and may be {limit.max_ratio:g} at most",
        Outcome.INCONCLUSIVE: f"{said}: whether it stays below {limit.max_ratio:g}, {interval.count} turns cannot tell",
    }
    return outcome, ends[outcome]


def _ms(seconds: float) -> str:
    """Never 0: below ten with two digits that say something."""
    value = seconds * 1000
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _goodput(new: Run, thresholds: Thresholds) -> list[Check]:
    if not thresholds.slo.is_given:
        return []
    kept = [thresholds.slo.is_met(sample) for sample in new.samples]
    if len(kept) < thresholds.bench.min_samples:
        return [_too_few("goodput", len(kept), LEAST, thresholds.bench.min_samples)]
    share, least = sum(kept) / len(kept), thresholds.min_goodput_share
    reason = f"{share:.0%} of the new side's answers keep every service level; at least {least:.0%} must"
    outcome = Outcome.PASS if share >= least else Outcome.FAIL
    return [Check(gate=GATE, name="goodput", outcome=outcome, reason=reason, new=share, limit=least, samples=len(kept))]


def _too_few(name: str, count: int, turns: int, least: int) -> Check:
    words = f"{name} was measured on {count} questions that both sides answered; {least} are needed"
    if count >= least:
        words = f"{name} was measured in {turns} turns; {LEAST} are needed to tell a slow side from a slow minute"
    return _check(name, Outcome.INCONCLUSIVE, words, count)


def _check(name: str, outcome: Outcome, reason: str, samples: int = 0) -> Check:
    return Check(gate=GATE, name=name, outcome=outcome, reason=reason, samples=samples)


def _streams(run: Run) -> bool:
    return any(sample.ttft_s is not None for sample in run.samples if sample.trouble is None)


def _ttft_s(sample: Sample) -> float | None:
    return sample.ttft_s


def _p95(values: Sequence[float]) -> float:
    return percentile(sorted(values), 95)


def _old(turn: Turn) -> Sequence[float]:
    return turn.old


def _new(turn: Turn) -> Sequence[float]:
    return turn.new
