"""What an engine has counted itself: vLLM's `/metrics`, in Prometheus' text form. Calls the engine."""

from dataclasses import dataclass

from cloudgpu.running.exchange import exchange

_LIMIT_S = 10.0
_SUM = "vllm:time_to_first_token_seconds_sum"
_COUNT = "vllm:time_to_first_token_seconds_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTokens:
    """How many first tokens the engine has sent, and the seconds that all of them together were waited for."""

    count: int = 0
    total_s: float = 0.0


def first_tokens(endpoint: str) -> FirstTokens:
    """The engine's running totals; zero of both when it tells nothing (another engine, a closed path, no answer)."""
    try:
        text = exchange(
            "GET", f"{endpoint}/metrics", limit_s=_LIMIT_S,
            read=lambda incoming: incoming.body().decode("utf-8", "replace") if incoming.status == 200 else "",
        )  # fmt: skip
        return FirstTokens(count=int(_total(text, _COUNT)), total_s=_total(text, _SUM))
    except (OSError, ValueError):
        return FirstTokens()


def _total(text: str, name: str) -> float:
    rows = (line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in rows)
