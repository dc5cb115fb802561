"""A run as JSON, with the key names of `vllm bench serve`, so that what reads its files reads ours level by level."""

from collections.abc import Sequence
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import exact_text
from cloudgpu.moving.bench.figures import Figures, Slo, Spread, figures_of
from cloudgpu.moving.bench.run import Run, Stage, counted


def report_of(run: Run, slo: Slo | None = None, *, with_samples: bool = False) -> dict[str, Any]:
    """The run as it is shown with --json. `with_samples` adds vLLM's lists, one entry for each request."""
    return {
        "name": run.name, "url": run.url, "date": utc_text(run.began_at), "backend": _BACKENDS[run.form],
        "model_id": run.model, "rtt_ms": None if run.rtt_s is None else run.rtt_s * 1000, "ended": run.ended,
        "usd_per_hour": None if run.usd_per_hour is None else exact_text(run.usd_per_hour),
        "levels": [_level(run, run.level(users), slo, with_samples=with_samples) for users in run.levels],
    }  # fmt: skip


def _level(run: Run, stage: Stage, slo: Slo | None, *, with_samples: bool) -> dict[str, Any]:
    figures = figures_of(stage, slo)
    usd = figures.usd_per_million(run.usd_per_hour)
    return {
        "one_by_one": stage.users == 0, "max_concurrency": max(stage.users, 1), "request_rate": "inf",
        "num_prompts": figures.requests, "duration": figures.duration_s, "completed": figures.completed,
        "failed": figures.requests - figures.completed, "errors_by_class": figures.troubles,
        "total_input_tokens": figures.input_tokens, "total_output_tokens": figures.output_tokens,
        "total_reasoning_tokens": figures.reasoning_tokens, "request_throughput": figures.requests_per_s,
        "request_goodput": figures.goodput, "output_throughput": figures.output_tokens_per_s,
        "total_token_throughput": _total_throughput(figures),
        "usd_per_million_output_tokens": None if usd is None else exact_text(usd),
        **_spreads(figures), **(_lists(stage) if with_samples else {}),
    }  # fmt: skip


def _spreads(figures: Figures) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, spread in (
        ("ttft", figures.ttft), ("tpot", figures.tpot), ("itl", figures.itl), ("e2el", figures.e2el),
    ):  # fmt: skip
        found |= _keys(name, spread)
    if figures.thinks:
        found |= _keys("first_answer", figures.answer)
    return found


def _keys(name: str, spread: Spread | None) -> dict[str, float | None]:
    heads = ("mean", "median", "std", "p90", "p95", "p99")
    if spread is None:
        return {f"{head}_{name}_ms": None for head in heads}
    values = (spread.mean, spread.median, spread.std, *(spread.percentiles[p] for p in (90, 95, 99)))
    return {f"{head}_{name}_ms": value * 1000 for head, value in zip(heads, values, strict=True)}


def _total_throughput(figures: Figures) -> float | None:
    if figures.input_tokens is None or figures.output_tokens is None or not figures.duration_s:
        return None
    return (figures.input_tokens + figures.output_tokens) / figures.duration_s


def _lists(stage: Stage) -> dict[str, Sequence[Any]]:
    samples = counted(stage.samples)
    return {
        "input_lens": [each.prompt_tokens for each in samples],
        "output_lens": [each.output_tokens or 0 for each in samples],
        "ttfts": [each.ttft_s for each in samples], "itls": [list(each.itls_s) for each in samples],
        "start_times": [each.began_s for each in samples], "generated_texts": [each.text for each in samples],
        "errors": [f"{each.trouble.value}: {each.detail}" if each.trouble else "" for each in samples],
    }  # fmt: skip


_BACKENDS = {"chat": "openai-chat", "completions": "openai", "app": "app"}
