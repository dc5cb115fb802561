"""Bids for interruptible machines. A bid is for all GPUs of the offer together, in dollars per hour; disk comes on top.

The higher bid runs. Whoever rents on demand outranks every bid, so a bid at that price or above buys nothing.
"""

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from cloudgpu.base.errors import InvalidRequestError, OfferGoneError
from cloudgpu.base.money import show_usd
from cloudgpu.planning.offers.offer import Offer

LEAST_USD_PER_HOUR = Decimal("0.001")
MOST_USD_PER_HOUR = Decimal(128)
"""Source: Vast.ai's OpenAPI description of 2026-08-07, `price` of a create."""

_MILLIONTH = Decimal("0.000001")
_PLAN_AGAIN = "plan again: cloudgpu plan MODEL --spot"


def bid_again(bid: Offer, shown: Offer) -> Offer:
    """`bid` for the machine as it is `shown` now: raised to the least that wins, when it would be outbid at once.

    The least is shown rounded: a millionth of a dollar above it wins whichever way that was.

    Raises OfferGoneError when the machine takes no bids, or only ones that cost as much as renting it on demand.
    """
    least = shown.min_bid_usd_per_hour
    if least is None:
        raise OfferGoneError("the machine takes no bids now", hint=_PLAN_AGAIN)
    price = max(bid.gpu_usd_per_hour, least.quantize(_MILLIONTH, rounding=ROUND_FLOOR) + _MILLIONTH)
    if price >= shown.gpu_usd_per_hour:
        raise OfferGoneError(
            f"a bid of {show_usd(price, 4)} per hour buys nothing: on demand the machine costs "
            f"{show_usd(shown.gpu_usd_per_hour, 4)}",
            hint=_PLAN_AGAIN,
        )
    return replace(shown, interruptible=True, gpu_usd_per_hour=price, on_demand_usd_per_hour=shown.gpu_usd_per_hour)


def bid_price(usd_per_hour: Decimal) -> float:
    """The price as Vast.ai's JSON wants it, rounded up to millionths: rounded down, the least bid would lose.

    Raises InvalidRequestError outside what Vast.ai takes.
    """
    if not LEAST_USD_PER_HOUR <= usd_per_hour <= MOST_USD_PER_HOUR:
        raise InvalidRequestError(
            f"a bid of {show_usd(usd_per_hour, 4)} per hour is outside of what Vast.ai takes",
            hint=f"between {show_usd(LEAST_USD_PER_HOUR, 3)} and {show_usd(MOST_USD_PER_HOUR)}",
        )
    return float(usd_per_hour.quantize(_MILLIONTH, rounding=ROUND_CEILING))
