"""How sure a ratio is: bootstrap intervals, with a seed, so that the same samples always give the same verdict.

A resample of n values has its k-th smallest at place floor(n·B), where B follows the Beta(k, n-k+1) distribution: the
k-th of n uniform numbers. So the interval of a median costs one draw a resample instead of n, and nothing is
approximated.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
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


def ratio_of_pairs(old: Sequence[float], new: Sequence[float], *, confidence: float, seed: int) -> Interval:
    """The median of new/old over pairs that were asked the same: half of the requests became slower than this.

    Both sequences are positive, of one length and not empty.
    """
    ratios = sorted(math.log(after / before) for before, after in zip(old, new, strict=True))
    draw = random.Random(seed)
    resampled = sorted(_resampled_rank(ratios, (len(ratios) + 1) / 2, draw) for _ in range(RESAMPLES))
    low, high = _ends(resampled, confidence)
    return Interval(value=math.exp(median(ratios)), low=math.exp(low), high=math.exp(high), count=len(ratios))


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


def ratio_of_sums(
    old: Sequence[tuple[float, float]], new: Sequence[tuple[float, float]], *, confidence: float, seed: int
) -> Interval:
    """The ratio of two shares, each the sum of the first numbers over the sum of the second, pairs resampled together.

    Both sequences are of one length and not empty; the sums of old's first and of all second numbers are positive.
    """
    columns = (*zip(*old, strict=True), *zip(*new, strict=True))

    def ratio(rows: Sequence[int]) -> float:
        old_over, old_under, new_over, new_under = (sum(map(column.__getitem__, rows)) for column in columns)
        return float(new_over / new_under / (old_over / old_under))

    return _resampled(range(len(old)), ratio, confidence=confidence, seed=seed)


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
