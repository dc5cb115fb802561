"""The bounds of what may be asked for: a number outside of them is a slip of the hand, and is said at once.

A NaN passes every comparison silently and a huge number breaks exact money, so no number goes unchecked.
"""

from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING

from cloudgpu.base.errors import UsageError

if TYPE_CHECKING:
    from cloudgpu.planning.needs import Needs

LEAST_HOURS, MOST_HOURS = Decimal("0.01"), Decimal(87_600)
"""No engine is up in half a minute, and no host promises to stay for ten years. Money is kept to a trillionth of a
dollar in 28 digits: beyond, its last digits would be lost."""

MOST_USD_PER_HOUR = Decimal(10_000)
"""Several times what the dearest machine of eight cards costs: above it, a cap caps nothing."""

MOST_WAIT_MINUTES = 7 * 24 * 60

MOST_GPUS = 64
"""No offer holds more."""

MOST_DISK_GB = 100_000
MOST_TOKENS = 10**9
MOST_RATE = 1e9


def check_needs(needs: "Needs") -> None:
    """Raises UsageError, with the option's name, for the first need that cannot be meant."""
    _within("--hours", needs.hours, LEAST_HOURS, MOST_HOURS)
    _within("--max-price", needs.max_usd_per_hour, Decimal("0.000001"), MOST_USD_PER_HOUR)
    _within("--min-reliability", needs.min_reliability, 0, 1)
    _within("--min-tokens-per-s", needs.min_tokens_per_s, 0, MOST_RATE)
    _within("--min-download-mbps", needs.min_download_mbps, 0, MOST_RATE)
    _within("--max-wait", None if needs.max_wait_s is None else needs.max_wait_s / 60, 1, MOST_WAIT_MINUTES)
    _within("--rollback-window", needs.rollback_window_s / 60, 0, MOST_WAIT_MINUTES)
    _within("--gpus", needs.gpu_count, 1, MOST_GPUS)
    _within("--disk", needs.disk_gb, 1, MOST_DISK_GB)
    _within("--prompt-tokens", needs.prompt_tokens, 1, MOST_TOKENS)
    _within("--output-tokens", needs.output_tokens, 1, MOST_TOKENS)
    for option, texts in (("--adapter", (needs.adapter,)), ("--region", needs.regions), ("--gpu", (needs.gpu,))):
        if any(text is not None and not text.strip() for text in texts):
            raise UsageError(f"{option} is empty", hint=f"leave {option} out, or give it a value")


def _within(option: str, value: Decimal | float | None, least: Decimal | float, most: Decimal | float) -> None:
    if value is None or (isfinite(value) and least <= value <= most):
        return
    raise UsageError(
        f"{option} must be a number from {_plain(least)} to {_plain(most)}, not {value}",
        hint=f"leave {option} out for its default",
    )


def _plain(bound: Decimal | float) -> str:
    return f"{bound:f}" if isinstance(bound, Decimal) else f"{bound:.0f}"
