"""Draws numbers whose distribution is known by a few of its quantiles."""

import math
from collections.abc import Sequence
from itertools import pairwise

Quantiles = Sequence[tuple[float, float]]
"""(share, value) in rising order, from share 0 to share 1; values above zero."""


def at_share(quantiles: Quantiles, share: float) -> float:
    """The value below which `share` (0..1) of the distribution lies; straight lines between logarithms of values."""
    for (low_share, low), (high_share, high) in pairwise(quantiles):
        if share <= high_share:
            return _between(low, high, (share - low_share) / (high_share - low_share))
    return quantiles[-1][1]


def _between(low: float, high: float, part: float) -> float:
    return math.exp(math.log(low) + (math.log(high) - math.log(low)) * max(0.0, part))
