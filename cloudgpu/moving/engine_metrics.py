"""What an engine has counted itself: vLLM's `/metrics`, in Prometheus' text form. Calls the engine."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudgpu.running.exchange import exchange

_LIMIT_S = 10.0
_MOST_BOUNDS = 100
"""vLLM has 22. What names more is not vLLM's, and is kept with every look."""

_TTFT = "vllm:time_to_first_token_seconds"
_ROW = re.compile(rf"{_TTFT}_(?P<what>sum|count|bucket)(?:{{(?P<labels>[^}}]*)}})? (?P<value>\S+)")
_BOUND = re.compile(r'\ble="(?P<bound>[^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTokens:
    """How many first tokens the engine has sent, and the seconds that all of them together were waited for.

    `within` tells how many of them came in at most so many seconds; empty when the engine does not tell.
    """

    count: int = 0
    total_s: float = 0.0
    within: Mapping[float, int] = field(default_factory=dict)


def first_tokens(endpoint: str) -> FirstTokens:
    """The engine's running totals; zero of each when it tells nothing (another engine, a closed path, no answer)."""
    try:
        text = exchange(
            "GET", f"{endpoint}/metrics", limit_s=_LIMIT_S,
            read=lambda incoming: incoming.body().decode("utf-8", "replace") if incoming.status == 200 else "",
        )  # fmt: skip
        return _read(text)
    except (OSError, ValueError):
        return FirstTokens()


def _read(text: str) -> FirstTokens:
    """Over all its engine processes. Raises ValueError for numbers that are none."""
    totals = {"sum": 0.0, "count": 0.0}
    within: Counter[float] = Counter()
    for row in filter(None, map(_ROW.fullmatch, text.splitlines())):
        value = float(row["value"])
        if not math.isfinite(value):
            raise ValueError("no number of tokens")
        bound = _BOUND.search(row["labels"] or "")
        if row["what"] != "bucket":
            totals[row["what"]] += value
        elif bound is not None and math.isfinite(float(bound["bound"])):
            within[float(bound["bound"])] += int(value)
    kept = dict(within) if len(within) <= _MOST_BOUNDS else {}
    return FirstTokens(count=int(totals["count"]), total_s=totals["sum"], within=kept)
