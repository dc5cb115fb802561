"""One way in which an offer can fail, asked often and explained seldom."""

from collections.abc import Callable
from typing import NamedTuple

from cloudgpu.planning.fitting.reason import HARD, Reason
from cloudgpu.planning.offers.offer import Offer


class Check(NamedTuple):
    """`lacks` gives 0 for an offer that passes, else what is needed over what it has; `say` puts a failure in words.

    They are apart because a market of 100,000 offers is asked, and a few hundred refusals are read.
    """

    code: str
    lacks: Callable[[Offer], float]
    say: Callable[[Offer], Reason]


def ratio(needed: float, has: float) -> float:
    """Needed over offered, HARD at most: how far the offer is from passing."""
    return min(HARD, needed / has) if has > 0 else HARD
