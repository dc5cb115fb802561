"""What an engine says it has done and is doing, by its own counters. Calls the endpoint, never the provider.

The names are those of vLLM, SGLang and llama.cpp on `/metrics`, which none of them guards with a key.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from cloudgpu.running.exchange import exchange

_LIMIT_S = 10.0
_ROW = re.compile(r"(?:vllm|sglang|llamacpp):(?P<name>\w+)(?:\{[^}]*\})?\s+(?P<value>[0-9.eE+]+)")
_NOW = (
    "num_requests_running", "num_requests_waiting", "num_running_reqs", "num_queue_reqs", "requests_processing",
    "requests_deferred",
)  # fmt: skip
_DONE = (
    "request_success_total", "prompt_tokens_total", "generation_tokens_total", "num_requests_total",
    "tokens_predicted_total",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Requests that run or wait now, and a figure that grows with everything that was done: only its change counts."""

    now: int
    done: str


def read_work(endpoint: str) -> Work | None:
    """What the engine tells; None when it tells nothing that can be relied on. Never raises."""
    try:
        text = exchange("GET", f"{endpoint}/metrics", limit_s=_LIMIT_S, read=lambda each: (each.status, each.body()))
    except (OSError, ValueError):
        return None
    return work_in(text[1].decode("utf-8", "replace")) if text[0] == 200 else None


def work_in(text: str) -> Work | None:
    """The figures on a page of metrics; None unless both kinds stand there: half of them prove no idleness."""
    now, done = [], []
    for row in _ROW.finditer(text):
        try:
            value = Decimal(row["value"])
        except InvalidOperation:
            return None
        if row["name"] in _NOW:
            now.append(value)
        elif row["name"] in _DONE:
            done.append(value)
    return Work(now=int(sum(now)), done=format(sum(done, Decimal(0)).normalize(), "f")) if now and done else None
