"""What the server counted, in vLLM's names and Prometheus' text form."""

from dataclasses import dataclass, field

_TTFT_BOUNDS_S = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0,
    640.0, 2560.0,
)  # fmt: skip
"""Those of vLLM 0.25.1 (vllm/v1/metrics/loggers.py)."""


@dataclass(slots=True)
class Histogram:
    """Seconds that were measured: their sum, how many there were, and how many of at most each bound."""

    bounds_s: tuple[float, ...]
    total_s: float = 0.0
    count: int = 0
    within: dict[float, int] = field(init=False)

    def __post_init__(self) -> None:
        self.within = dict.fromkeys(self.bounds_s, 0)

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.total_s += seconds
        self.count += 1
        for bound_s in self.bounds_s:
            self.within[bound_s] += seconds <= bound_s


@dataclass(slots=True)
class Counters:
    """Running totals of one server, and how many requests run now."""

    running: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    finished: dict[str, int] = field(default_factory=lambda: {"stop": 0, "length": 0})
    ttft: Histogram = field(default_factory=lambda: Histogram(_TTFT_BOUNDS_S))
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
    plain = "".join(f"# TYPE {name} {kind}\n{name}{labels} {value}\n" for name, kind, labels, value in rows)
    return plain + _histogram_text("vllm:time_to_first_token_seconds", counters.ttft, label)


def _histogram_text(name: str, seen: Histogram, label: str) -> str:
    buckets = [*((str(bound_s), n) for bound_s, n in seen.within.items()), ("+Inf", seen.count)]
    lines = [f'{name}_bucket{label[:-1]},le="{bound}"}} {n}' for bound, n in buckets]
    lines += [f"{name}_count{label} {seen.count}", f"{name}_sum{label} {seen.total_s}"]
    return f"# TYPE {name} histogram\n" + "".join(f"{line}\n" for line in lines)
