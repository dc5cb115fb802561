"""What the server counted, in vLLM's names and Prometheus' text form."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Running totals of one server, and how many requests run now."""

    running: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    finished: dict[str, int] = field(default_factory=lambda: {"stop": 0, "length": 0})
    ttft_s: float = 0.0
    e2e_s: float = 0.0


def metrics_text(counters: Counters, model_name: str) -> str:
    """The page that Prometheus reads."""
    label = f'{{engine="0",model_name="{model_name}"}}'
    requests = sum(counters.finished.values())
    rows = [
        ("vllm:num_requests_running", "gauge", label, counters.running),
        ("vllm:num_requests_waiting", "gauge", label, 0),
        ("vllm:kv_cache_usage_perc", "gauge", label, min(1.0, counters.running * 0.02)),
        ("vllm:prompt_tokens_total", "counter", label, counters.prompt_tokens),
        ("vllm:generation_tokens_total", "counter", label, counters.generation_tokens),
        ("vllm:iteration_tokens_total_count", "counter", label, counters.generation_tokens),
        ("vllm:time_to_first_token_seconds_sum", "counter", label, counters.ttft_s),
        ("vllm:time_to_first_token_seconds_count", "counter", label, requests),
        ("vllm:e2e_request_latency_seconds_sum", "counter", label, counters.e2e_s),
        ("vllm:e2e_request_latency_seconds_count", "counter", label, requests),
    ]
    rows += [
        (
            "vllm:request_success_total",
            "counter",
            f'{{engine="0",finished_reason="{why}",model_name="{model_name}"}}',
            n,
        )
        for why, n in counters.finished.items()
    ]
    return "".join(f"# TYPE {name} {kind}\n{name}{labels} {value}\n" for name, kind, labels, value in rows)
