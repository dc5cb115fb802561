"""What a plan ranks by: dollars, dollars for a token, how soon it answers, or how reliable the host is."""

from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

_MICRO = Decimal("0.000001")
_SECONDS_PER_HOUR = 3600
_MILLION = 1_000_000
_STEP_TOKENS_PER_S = Decimal("0.01")


class Objective(StrEnum):
    """`price`: all-in dollars over the plan's hours. `cost-per-token`: the same for a million output tokens.

    `time-to-ready`: soonest first answer. `reliability`: most reliable host. Ties go to the cheaper.
    """

    PRICE = "price"
    COST_PER_TOKEN = "cost-per-token"
    TIME_TO_READY = "time-to-ready"
    RELIABILITY = "reliability"


def usd_per_million_tokens(usd_total: Decimal, hours: Decimal, tokens_per_s: float) -> Decimal | None:
    """Dollars for a million output tokens, to a millionth, by a machine that is busy for all of `hours`.

    `usd_total` is everything it costs over `hours`, the download too; None when it makes no tokens.
    """
    rate = Decimal(tokens_per_s).quantize(_STEP_TOKENS_PER_S)
    if rate <= 0:
        return None
    tokens = rate * hours * _SECONDS_PER_HOUR
    return (usd_total * _MILLION / tokens).quantize(_MICRO, rounding=ROUND_HALF_EVEN)
