"""How sure a ratio is: bootstrap intervals, with a seed, so that the same samples always give the same verdict.

What happens to a network or a machine in one minute happens to every request of that minute: twenty requests at once
are hardly more than one. So a comparison in turns resamples turns, not requests.

Of two runs of different times only the requests can be resampled. There a resample of n values has its k-th smallest at
place floor(n·B), where B follows the Beta(k, n-k+1) distribution (the k-th of n uniform numbers): one draw a resample
instead of n, and nothing is approximated.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

T = TypeVar("T")

RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value and where the truth lies with the given confidence. `count` is how many samples stand behind it."""

    value: float
    low: float
    high: float
    count: int


def ratio_over_turns(
    ratios: Sequence[float], weights: Sequence[float], *, confidence: float, seed: int
) -> Interval:  # fmt: skip
    """The weighted geometric mean of the ratios of several turns, the turns resampled. Positive and not empty."""
    rows = [(weight, weight * math.log(ratio)) for ratio, weight in zip(ratios, weights, strict=True)]
    found = _resampled(rows, _weighted_mean, confidence=confidence, seed=seed)
    return Interval(value=math.exp(found.value), low=math.exp(found.low), high=math.exp(found.high), count=found.count)


def ratio_of_quantiles(
    old: Sequence[float], new: Sequence[float], share: float, *, confidence: float, seed: int
) -> Interval:
    """The ratio of two quantiles (0.95: of the slow ends), the sides resampled apart. Positive and not empty."""
    before, after = sorted(old), sorted(new)
    draw = random.Random(seed)
    resampled = sorted(
        _resampled_rank(after, share * (len(after) + 1), draw)
        / _resampled_rank(before, share * (len(before) + 1), draw)
        for _ in range(RESAMPLES)
    )
    low, high = _ends(resampled, confidence)
    return Interval(
        value=_at_rank(after, share) / _at_rank(before, share), low=low, high=high, count=min(len(before), len(after))
    )


def difference_of_means(pairs: Sequence[tuple[float, float]], *, confidence: float, seed: int) -> Interval:
    """The mean of new less the mean of old, over pairs (old, new) that are resampled together. Not of nothing."""
    return _resampled([new - old for old, new in pairs], fmean, confidence=confidence, seed=seed)


def _resampled(
    rows: Sequence[T], statistic: Callable[[Sequence[T]], float], *, confidence: float, seed: int
) -> Interval:
    draw = random.Random(seed)
    found = sorted(statistic(draw.choices(rows, k=len(rows))) for _ in range(RESAMPLES))
    low, high = _ends(found, confidence)
    return Interval(value=statistic(rows), low=low, high=high, count=len(rows))


def _resampled_rank(ordered: Sequence[float], rank: float, draw: random.Random) -> float:
    """The value of that rank (1 the smallest; may lie between two) in one resample."""
    k = min(max(rank, 1.0), float(len(ordered)))
    place = draw.betavariate(k, len(ordered) - k + 1)
    return ordered[min(int(place * len(ordered)), len(ordered) - 1)]


def _at_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(max(math.ceil(share * len(ordered)) - 1, 0), len(ordered) - 1)]


def _ends(ordered: Sequence[float], confidence: float) -> tuple[float, float]:
    cut = (1 - confidence) / 2
    return ordered[int(cut * len(ordered))], ordered[min(math.ceil((1 - cut) * len(ordered)), len(ordered)) - 1]


def _weighted_mean(rows: Sequence[tuple[float, float]]) -> float:
    return sum(weighted for _, weighted in rows) / sum(weight for weight, _ in rows)
