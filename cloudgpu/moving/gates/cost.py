"""The cost gate: what a thousand tokens cost on each side at the highest load, were it kept up all the time."""

from decimal import Decimal

from cloudgpu.base.money import usd_from_float
from cloudgpu.moving.bench.interval import Interval, ratio_of_sums
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.gates.verdict import Check, Outcome, within

GATE = "cost"
NAME = "cost per 1,000 tokens"


def cost_checks(old: Run, new: Run, thresholds: Thresholds, seed: int) -> list[Check]:
    """The ratio of the prices an hour, times that of the seconds which a token takes on a fully used machine.

    With so many users at all times, a machine makes as many tokens a second as its users wait seconds for one:
    tokens/s = users · Σ tokens / Σ E2EL. So both sides are compared by Σ E2EL / Σ tokens, over the same questions.
    """
    if not old.usd_per_hour or not new.usd_per_hour:
        which = " and ".join(run.name for run in (old, new) if not run.usd_per_hour)
        reason = f"no price an hour is known for {which}"
        return [Check(gate=GATE, name=NAME, outcome=Outcome.NOT_JUDGED, reason=reason)]
    users = max((*old.levels, 0))
    before, after = _waits(old, new, users)
    if len(before) < thresholds.bench.min_samples:
        reason = f"only {len(before)} questions were answered and counted by both sides at {users} users"
        return [Check(gate=GATE, name=NAME, outcome=Outcome.INCONCLUSIVE, reason=reason, samples=len(before))]
    price_ratio = float(new.usd_per_hour / old.usd_per_hour)
    waits = ratio_of_sums(before, after, confidence=thresholds.confidence, seed=seed)
    return [_check(waits, price_ratio, _usd(old, before, users), _usd(new, after, users), thresholds.cost.max_ratio)]


def _waits(old: Run, new: Run, users: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Seconds and tokens of each request of that load which both sides answered."""
    sides = [{s.place: (s.e2el_s, float(s.output_tokens)) for s in run.samples
              if s.users == users and s.trouble is None and s.output_tokens} for run in (old, new)]  # fmt: skip
    both = [place for place in sides[0] if place in sides[1]]
    return [sides[0][place] for place in both], [sides[1][place] for place in both]


def _usd(run: Run, waits: list[tuple[float, float]], users: int) -> Decimal:
    """Dollars for a thousand tokens."""
    assert run.usd_per_hour is not None
    tokens_per_s = max(users, 1) * sum(tokens for _, tokens in waits) / sum(seconds for seconds, _ in waits)
    return run.usd_per_hour * 1000 / (usd_from_float(tokens_per_s) * 3600)


def _check(waits: Interval, price_ratio: float, old: Decimal, new: Decimal, most: float | None) -> Check:
    interval = Interval(
        value=waits.value * price_ratio, low=waits.low * price_ratio, high=waits.high * price_ratio, count=waits.count
    )
    said = f"1,000 tokens cost {interval.value:.2f} times as much ({interval.low:.2f} to {interval.high:.2f})"
    outcome = Outcome.NOT_JUDGED if most is None else within(interval, most)
    ends = {
        Outcome.NOT_JUDGED: "no limit is set",
        Outcome.PASS: f"at most {most or 0:g}",
        Outcome.FAIL: f"and may cost {most or 0:g} times as much at most",
        Outcome.INCONCLUSIVE: f"so whether it stays below {most or 0:g} is open",
    }
    return Check(
        gate=GATE, name=NAME, outcome=outcome, reason=f"{said}, {ends[outcome]}", old=float(old), new=float(new),
        unit="USD", ratio=interval.value, low=interval.low, high=interval.high, limit=most, samples=interval.count,
    )  # fmt: skip
