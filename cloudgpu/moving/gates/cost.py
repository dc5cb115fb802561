"""The cost gate: what a thousand tokens cost on each side at the highest load, were it kept up all the time."""

from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.moving.bench.figures import figures_of
from cloudgpu.moving.bench.interval import Interval, ratio_over_turns
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.gates.turns import LEAST
from cloudgpu.moving.gates.verdict import Check, Outcome, within

GATE = "cost"
NAME = "cost per 1,000 tokens"


def cost_checks(old: Run, new: Run, thresholds: Thresholds, seed: int) -> list[Check]:
    """The ratio of the prices an hour, over that of the tokens a second of each turn at the most users at once."""
    if not old.usd_per_hour or not new.usd_per_hour:
        which = " and ".join(run.name for run in (old, new) if not run.usd_per_hour)
        reason = f"no price an hour is known for {which}"
        return [Check(gate=GATE, name=NAME, outcome=Outcome.NOT_JUDGED, reason=reason)]
    before, after = _usd_of_turns(old, old.usd_per_hour), _usd_of_turns(new, new.usd_per_hour)
    turns = [turn for turn in before if turn in after]
    if len(turns) < LEAST:
        reason = (
            f"tokens were made and counted on both sides in {len(turns)} turns at the most users; {LEAST} are needed"
        )
        return [Check(gate=GATE, name=NAME, outcome=Outcome.INCONCLUSIVE, reason=reason, samples=len(turns))]
    ratios = [float(after[turn] / before[turn]) for turn in turns]
    interval = ratio_over_turns(ratios, [1.0] * len(turns), confidence=thresholds.confidence, seed=seed)
    was, now = (sum((side[turn] for turn in turns), ZERO) / len(turns) for side in (before, after))
    return [_check(interval, was, now, thresholds.cost.max_ratio)]


def _usd_of_turns(run: Run, usd_per_hour: Decimal) -> dict[int, Decimal]:
    """Dollars for a thousand tokens in each turn of the highest load; a turn that nobody counted is left out."""
    most = max(run.levels, default=0)
    millions = {
        stage.turn: figures_of(stage).usd_per_million(usd_per_hour) for stage in run.stages if stage.users == most
    }
    return {turn: usd / 1000 for turn, usd in millions.items() if usd is not None}


def _check(interval: Interval, old: Decimal, new: Decimal, most: float | None) -> Check:
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
