"""What an engine says it has done and is doing, by its own counters. Calls the endpoint, never the provider.

The names are those of vLLM, SGLang and llama.cpp on `/metrics`, which none of them guards with a key.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from cloudgpu.running.exchange import exchange
from cloudgpu.running.token_count import TokenCount

_LIMIT_S = 10.0
_ROW = re.compile(
    r"^(?:vllm:|sglang:|llamacpp:|(?=process_start_time_seconds\b))(?P<name>\w+)(?:\{[^}]*\})?"
    r"\s+(?P<value>[0-9.]+(?:[eE][+-]?\d+)?)",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="(\d+)"')
_NOW = (
    "num_requests_running", "num_requests_waiting", "num_running_reqs", "num_queue_reqs", "requests_processing",
    "requests_deferred",
)  # fmt: skip
_PROMPT = ("prompt_tokens_total",)
_GENERATION = ("generation_tokens_total", "tokens_predicted_total")
_RUN = ("generation_tokens_created", "process_start_time_seconds")
_CACHE_SHARE = ("kv_cache_usage_perc", "gpu_cache_usage_perc", "token_usage", "kv_cache_usage_ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens since the engine's start. `run` differs from one start to the next; None: the engine does not tell."""

    prompt: int
    generation: int
    run: str | None = None

    @property
    def count(self) -> TokenCount:
        """Both kinds."""
        return TokenCount(prompt=self.prompt, generation=self.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The KV cache: the share in use now (of the fullest, where there are several), and how many tokens it holds.

    None for the tokens: the engine does not tell.
    """

    share: Decimal
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Requests that run or wait now, and the tokens so far. `cache` is None where the engine does not tell it."""

    now: int
    tokens: Tokens
    cache: Cache | None = None


def read_work(endpoint: str, limit_s: float = _LIMIT_S) -> Work | None:
    """What the engine tells within so long; None when it tells nothing that can be relied on. Never raises."""
    try:
        text = exchange("GET", f"{endpoint}/metrics", limit_s=limit_s, read=lambda each: (each.status, each.body()))
    except (OSError, ValueError):
        return None
    return work_in(text[1].decode("utf-8", "replace")) if text[0] == 200 else None


def work_in(text: str) -> Work | None:
    """The figures on a page of metrics; None unless all kinds stand there: half of them prove no idleness."""
    rows = _rows(text)
    now, tokens = _of(rows, _NOW), _tokens(rows)
    if not now or tokens is None:
        return None
    return Work(now=int(sum(now)), tokens=tokens, cache=_cache(rows, text))


def _rows(text: str) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for row in _ROW.finditer(text):
        with suppress(InvalidOperation):
            found.setdefault(row["name"], []).append(Decimal(row["value"]))
    return found


def _of(rows: Mapping[str, list[Decimal]], names: tuple[str, ...]) -> list[Decimal]:
    return [value for name in names for value in rows.get(name, ())]


def _tokens(rows: Mapping[str, list[Decimal]]) -> Tokens | None:
    """Both kinds or none: a price by half of the tokens would be a wrong one."""
    prompt, generation = _of(rows, _PROMPT), _of(rows, _GENERATION)
    if not prompt or not generation:
        return None
    starts = next((rows[name] for name in _RUN if name in rows), None)
    run = " ".join(format(start, "f") for start in sorted(starts)) if starts else None
    return Tokens(prompt=int(sum(prompt)), generation=int(sum(generation)), run=run)


def _cache(rows: Mapping[str, list[Decimal]], text: str) -> Cache | None:
    shares = _of(rows, _CACHE_SHARE)
    return Cache(share=min(max(shares), Decimal(1)), tokens=_cache_tokens(rows, text)) if shares else None


def _cache_tokens(rows: Mapping[str, list[Decimal]], text: str) -> int | None:
    """vLLM tells blocks and their size as labels of one row; SGLang tells tokens."""
    if "max_total_num_tokens" in rows:
        return int(max(rows["max_total_num_tokens"]))
    found = re.search(r"^vllm:cache_config_info\{[^}]*\}", text, re.MULTILINE)
    labels = dict(_LABEL.findall(found[0])) if found else {}
    if not {"block_size", "num_gpu_blocks"} <= labels.keys():
        return None
    return int(labels["block_size"]) * int(labels["num_gpu_blocks"])
