"""What engines and providers told at the last look: tokens, KV cache, and how busy, full and hot the cards are."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from cloudgpu.accounting.report import Report
from cloudgpu.cli.metrics.family import Family, Sample
from cloudgpu.running.engine_reading import EngineReading
from cloudgpu.running.gpu_load import GpuLoad
from cloudgpu.running.records import Deployment, DeploymentState

_WHERE = ("deployment", "provider", "gpu")


def engine_families(deployments: Sequence[Deployment]) -> Iterator[Family]:
    """The counters and the cache of each engine that serves and tells them. Pure."""
    ready = [each for each in deployments if each.state is DeploymentState.READY]
    read = [(each.name, each.engine) for each in ready if each.engine is not None]

    def of(value: Callable[[EngineReading], Decimal | int | None]) -> list[Sample]:
        found = [(name, value(engine)) for name, engine in read]
        return [((name,), float(known)) for name, known in found if known is not None]

    tokens: list[Sample] = [((name, "prompt"), float(engine.prompt_tokens)) for name, engine in read]
    tokens += [((name, "output"), float(engine.generation_tokens)) for name, engine in read]
    name = ("deployment",)
    yield "cloudgpu_engine_tokens", "Tokens since the engine's start.", ("deployment", "kind"), tokens
    yield "cloudgpu_engine_requests", "Requests that run or wait.", name, of(lambda engine: engine.requests)
    yield "cloudgpu_kv_cache_used_ratio", "Share of the KV cache in use.", name, of(lambda engine: engine.kv_share)
    yield "cloudgpu_kv_cache_tokens", "Tokens that the KV cache holds.", name, of(lambda engine: engine.kv_tokens)


def token_families(told: Report) -> Iterator[Family]:
    """What a million tokens cost by deployment, and the share of the time it rests on. Pure."""
    priced: list[Sample] = []
    for name, cost in told.tokens.items():
        prices = {"output": cost.usd_per_million_output, "total": cost.usd_per_million_total}
        priced += [((name, kind), float(usd)) for kind, usd in prices.items() if usd is not None]
    seen: list[Sample] = [((name,), float(cost.seen_share)) for name, cost in told.tokens.items()]
    yield "cloudgpu_usd_per_million_tokens", "Over the time that was seen.", ("deployment", "kind"), priced
    yield "cloudgpu_tokens_seen_ratio", "Share of the billed GPU time that was seen.", ("deployment",), seen


def card_families(deployments: Sequence[Deployment]) -> Iterator[Family]:
    """What the provider tells of the cards: the highest of each deployment's. Pure."""
    told = [((each.name, each.provider, each.gpu), each.gpu_load) for each in deployments if each.gpu_load]

    def of(value: Callable[[GpuLoad], float | None], scale: float = 1.0) -> list[Sample]:
        found = [(where, value(load)) for where, load in told]
        return [(where, known / scale) for where, known in found if known is not None]

    busy, full = of(lambda load: load.util_percent, 100.0), of(lambda load: load.memory_percent, 100.0)
    yield "cloudgpu_gpu_utilization_ratio", "How busy the busiest card is.", _WHERE, busy
    yield "cloudgpu_gpu_memory_used_ratio", "How full the fullest card is.", _WHERE, full
    yield "cloudgpu_gpu_temperature_celsius", "How hot it is.", _WHERE, of(lambda load: load.temperature_c)
