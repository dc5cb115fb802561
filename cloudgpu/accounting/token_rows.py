"""The table of what a million tokens cost: which rows stand in it, and what each says. The same words everywhere."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from cloudgpu.accounting.report import Report
from cloudgpu.accounting.served import TokenCost
from cloudgpu.base.money import show_usd

TokenRow = tuple[str, TokenCost]

TOTAL = "Total"
SERVING_ALONE = "Serving alone"
TOKENS_HEAD = ("Money seen", "Prompt", "Output", "Per M output", "Per M total", "Time seen")


def token_rows(told: Report) -> list[TokenRow]:
    """Every group whose money is in the sum, the sum, and what of it served; empty where no token was made.

    A group without a token is a row too (a double run in which nobody was asked): its money raises the sum, and no
    other row would show it.
    """
    if told.total_tokens is None or not told.total_tokens.generation_tokens:
        return []
    groups = [(key, cost) for key, cost in told.tokens.items() if cost.seen_usd or cost.generation_tokens]
    total = [(TOTAL, told.total_tokens)] if len(groups) != 1 else []
    return [*groups, *total, *_serving_alone(told)]


def tokens_cells(cost: TokenCost) -> list[str]:
    """What stands below TOKENS_HEAD."""
    return [
        show_usd(cost.seen_usd, 4), f"{cost.prompt_tokens:,}", f"{cost.generation_tokens:,}",
        token_price_words(cost, cost.usd_per_million_output), token_price_words(cost, cost.usd_per_million_total),
        share_words(cost),
    ]  # fmt: skip


def tokens_rest_on(rows: Sequence[TokenRow]) -> str:
    """What the figures of these rows rest on."""
    alone = f" {SERVING_ALONE} leaves out what migrations and tries that failed cost, and the tokens of that time."
    return _REST_ON + (alone if any(name == SERVING_ALONE for name, _ in rows) else "")


def share_words(cost: TokenCost) -> str:
    """`61 %`: how much of the billed GPU time was seen, never rounded up to all of it."""
    return f"{(cost.seen_share * 100).quantize(Decimal(1), rounding=ROUND_DOWN)} %"


def token_price_words(cost: TokenCost, usd_per_million: Decimal | None) -> str:
    """`$0.4213`, with a `~` before it when less than 90 % of the time was seen; `-` where no token was."""
    if usd_per_million is None:
        return "-"
    return f"{'' if cost.seen_share >= _SURE else '~'}{show_usd(usd_per_million, 4)}"


def _serving_alone(told: Report) -> list[TokenRow]:
    """Nothing where all that was seen served, and by migration, where it is a group already."""
    serving, total = told.serving_tokens, told.total_tokens
    is_other = serving is not None and total is not None and serving.seen_usd != total.seen_usd
    return [(SERVING_ALONE, serving)] if serving is not None and is_other and told.by != "migration" else []


_SURE = Decimal("0.9")
_REST_ON = (
    "Prices are the money of the time whose tokens were counted, by these tokens. Time seen is its share of the billed "
    "GPU time; ~ marks less than 90 %."
)
