"""What people read for a meter, a purpose, a source and the price of tokens, the same words everywhere."""

from decimal import ROUND_DOWN, Decimal

from cloudgpu.accounting.charge import Meter, Purpose, Source
from cloudgpu.accounting.served import TokenCost
from cloudgpu.base.money import show_usd

METER_NAMES = {
    Meter.GPU: "GPU",
    Meter.DISK: "Disk",
    Meter.DISK_STOPPED: "Disk (stopped)",
    Meter.DOWNLOAD: "Download",
    Meter.UPLOAD: "Upload",
    Meter.FEE: "Fees",
}

HOURS_HEAD = "Machine hours"
"""Over `Line.machine_hours`; hours of cards stand in FOCUS alone."""

SPLIT_IS_OURS = "Which part of a billed disk is that of a stopped machine is our word: the bills do not say."

PURPOSE_NAMES = {
    Purpose.SERVING: "Serving",
    Purpose.FAILED_TRY: "Tries that failed",
    Purpose.DOUBLE_RUN: "Double run of migrations",
    Purpose.ROLLBACK_WINDOW: "Rollback windows",
}

SOURCE_NAMES = {
    Source.PROVIDER: "the provider's bill",
    Source.METERED: "metered",
    Source.ESTIMATED: "estimated",
}

_SURE = Decimal("0.9")


def share_words(cost: TokenCost) -> str:
    """`61 %`: how much of the billed GPU time was seen, never rounded up to all of it."""
    return f"{(cost.seen_share * 100).quantize(Decimal(1), rounding=ROUND_DOWN)} %"


def doubt_words(doubt_usd: Decimal, running_hour_usd: Decimal) -> str:
    """` The metered part may be off by $0.0021.`, and so for the hour that is being billed; nothing for no doubt."""
    metered = doubt_usd - running_hour_usd
    parts = [("The metered part", metered), ("The hour that the provider is still billing", running_hour_usd)]
    return "".join(f" {what} may be off by {show_usd(usd, 4)}." for what, usd in parts if usd)


def token_price_words(cost: TokenCost, usd_per_million: Decimal | None) -> str:
    """`$0.4213`, with a `~` before it when less than 90 % of the time was seen; `-` where no token was."""
    if usd_per_million is None:
        return "-"
    return f"{'' if cost.seen_share >= _SURE else '~'}{show_usd(usd_per_million, 4)}"


TOKENS_HEAD = ("Prompt tokens", "Output tokens", "USD per M output", "USD per M total", "Time seen")


def tokens_cells(cost: TokenCost) -> list[str]:
    """A row below TOKENS_HEAD."""
    return [
        f"{cost.prompt_tokens:,}", f"{cost.generation_tokens:,}",
        token_price_words(cost, cost.usd_per_million_output), token_price_words(cost, cost.usd_per_million_total),
        share_words(cost),
    ]  # fmt: skip


TOKENS_REST_ON = (
    "Prices are the money of the time whose tokens were counted, by these tokens. Time seen is its share of the billed "
    "GPU time; ~ marks less than 90 %."
)
