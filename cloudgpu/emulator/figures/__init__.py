"""What cards cost and how common they are on the real market, aggregated, each row with its source."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuKind:
    """One card under its name on Vast.ai. Prices are US dollars per GPU-hour: minimum, 10 %, median, 90 %, maximum."""

    gpu_name: str
    gpu_ram_mib: int
    compute_cap: int
    memory_bandwidth_gb_per_s: float
    fp32_tflops: float
    power_w: float
    offers: int
    usd_per_gpu_hour: tuple[float, ...]
    source: str


@cache
def gpu_kinds() -> tuple[GpuKind, ...]:
    """Every card of the market, the most common first. Reads a small file of the package once."""
    lines = files(__name__).joinpath("gpus.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_kind(json.loads(line)) for line in lines)


def _kind(row: dict[str, object]) -> GpuKind:
    prices = row["usd_per_gpu_hour"]
    assert isinstance(prices, list)
    return GpuKind(**{**row, "usd_per_gpu_hour": tuple(map(float, prices))})  # type: ignore[arg-type]
