"""Both sides turn by turn: the requests that stood at the same place of the workload, held against each other. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloudgpu.moving.bench.interval import Interval, ratio_over_turns
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import Sample

LEAST = 3
"""Fewer turns cannot tell a slow side from a slow minute."""

Value = Callable[[Sample], float | None]
Statistic = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of one load: the values of both sides, pair by pair, each above zero."""

    users: int
    old: tuple[float, ...]
    new: tuple[float, ...]


def turns_of(old: Run, new: Run, value: Value) -> list[Turn]:
    """The turns in which both sides answered something whose value is known, with those answers alone."""
    before, after = _by_place(old, value), _by_place(new, value)
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for place in (each for each in before if each in after):
        found.setdefault(place[:2], []).append((before[place], after[place]))
    return [
        Turn(users=users, old=tuple(one for one, _ in pairs), new=tuple(other for _, other in pairs))
        for (users, _), pairs in found.items()
    ]


def at_most_users(turns: Sequence[Turn]) -> list[Turn]:
    """Those of the highest load."""
    most = max((turn.users for turn in turns), default=0)
    return [turn for turn in turns if turn.users == most]


def pairs_in(turns: Sequence[Turn]) -> int:
    """How many pairs there are."""
    return sum(len(turn.old) for turn in turns)


def ratio_of(turns: Sequence[Turn], statistic: Statistic, *, confidence: float, seed: int) -> Interval:
    """New over old: the ratio of each turn's statistic, averaged. A turn weighs as the root of its pairs: more requests
    make it surer, but not against what the minute did to all of them. `count` of the result is the turns."""
    ratios = [statistic(turn.new) / statistic(turn.old) for turn in turns]
    return ratio_over_turns(ratios, [len(turn.old) ** 0.5 for turn in turns], confidence=confidence, seed=seed)


def _by_place(run: Run, value: Value) -> dict[tuple[int, int, int], float]:
    good = (sample for sample in run.samples if sample.trouble is None)
    return {sample.place: found for sample in good if (found := value(sample))}
