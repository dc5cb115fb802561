"""What was counted for both sides: the gateway's requests and errors, the engines' first tokens."""

from cloudgpu.moving.engine_metrics import FirstTokens, first_tokens
from cloudgpu.moving.entrance import Entrance
from cloudgpu.moving.live import Baseline, Count
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.running.records import Deployment


def count_both(migration: Migration, old: Deployment | None, new: Deployment | None, entrance: Entrance) -> Baseline:
    """The running totals of both sides; None for one that is gone. Calls gateway and engines."""
    return Baseline(old=_count(migration.old, old, entrance), new=_count(migration.new, new, entrance))


def _count(side: Side, life: Deployment | None, entrance: Entrance) -> Count:
    seen = entrance.reading(side.name)
    engine = first_tokens(life.endpoint) if life is not None and life.endpoint is not None else FirstTokens()
    return Count(
        requests=seen.requests if seen else 0,
        errors=seen.errors if seen else 0,
        first_tokens=engine.count,
        ttft_s=engine.total_s,
        within=engine.within,
    )
