"""How long ranking 1,000, 10,000 and 100,000 offers for one model takes, and how much memory.

    python tests/bench/ranking.py [MODEL]

Processor time of one core, on an invented market in which two offers of three are refused for something. Aims: at most
1.0 s and 300 MB beyond start-up for 100,000 offers, growing linearly.
"""

import gc
import random
import resource
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.plan import make_plan
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

SIZES = (1_000, 10_000, 100_000)
AIM_S, AIM_MB = 1.0, 300
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CARDS = (
    ("RTX 3090", 24576, 0.17), ("RTX 4090", 24564, 0.36), ("RTX 4090", 49140, 0.37), ("RTX 5090", 32607, 0.44),
    ("RTX A6000", 49140, 0.47), ("L40S", 46068, 0.80), ("A100 SXM4 40GB", 40960, 0.81), ("H200", 143771, 3.95),
    ("A100 SXM4 80GB", 81920, 1.28), ("H100 SXM", 81559, 3.07), ("RTX PRO 6000 WS", 97887, 1.40), ("L4", 23034, 0.3),
    ("RTX 2080 Ti", 22528, 0.07), ("RTX 3060", 12288, 0.06), ("V100 SXM2 32GB", 32768, 0.2), ("Tesla P40", 24576, 0.1),
)  # fmt: skip


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "qwen-14b"
    needs = Needs(model=resolve_model(model), options=ServingOptions())
    make_plan(needs, market(100), NOW)
    base_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{model}, beside {base_mb:.0f} MB after start-up")
    for size in SIZES:
        offers = market(size)
        seconds = min(timed(needs, offers) for _ in range(3))
        beyond_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - base_mb
        above = "   ABOVE" if seconds > AIM_S or beyond_mb > AIM_MB else ""
        print(f"{size:>8,} offers  {seconds:6.3f} s  {seconds / size * 1e6:5.1f} us each  {beyond_mb:4.0f} MB{above}")


def timed(needs: Needs, offers: Market) -> float:
    gc.collect()
    start = time.process_time()
    plan = make_plan(needs, offers, NOW)
    seconds = time.process_time() - start
    if not plan.candidates:
        raise SystemExit("nothing fits: that would be no measure")
    return seconds


def market(size: int) -> Market:
    """An invented market of the real one's spread of cards, counts, prices and hosts; the same for the same size."""
    dice = random.Random(size)
    return Market(offers=tuple(offer(dice, number) for number in range(size)), source=OfferSource.LIVE,
                  origin="invented", fetched_at=NOW, complete=True, unreadable={})  # fmt: skip


def offer(dice: random.Random, number: int) -> Offer:
    gpu, memory_mib, usd = dice.choice(CARDS)
    count = dice.choices((1, 2, 4, 8, 3, 6), (49, 30, 14, 5, 1, 1))[0]
    return Offer(
        provider="vast", offer_id=str(30_000_000 + number), machine_id=str(dice.randrange(number + 50) // 2),
        gpu=gpu, gpu_count=count, gpu_memory_mib=memory_mib, compute_capability=None,
        cuda_max=dice.choices(("12.4", "12.8", "13.0", "13.2", None), (1, 2, 4, 4, 1))[0],
        gpu_usd_per_hour=(Decimal(usd * count) * Decimal(dice.uniform(0.7, 2.5))).quantize(Decimal("1e-10")),
        storage_usd_per_gb_month=Decimal(dice.randrange(67, 930)) / 1000,
        download_usd_per_gb=Decimal(dice.randrange(12, 400)) / 10000,
        upload_usd_per_gb=Decimal("0.01"),
        download_mbps=dice.choice((60.5, 256.1, 870.2, 3000.0, 8632.9)) * dice.uniform(0.9, 1.1),
        disk_gb=dice.uniform(20, 3500), host_ram_gb=dice.uniform(9, 500), reliability=dice.uniform(0.85, 1),
        verified=dice.random() > 0.2, location="Sweden, SE", country="SE", open_ports=dice.choice((0, 12, 100, 100)),
        rentable_s=dice.uniform(0.3, 400) * 86400,
        gpu_bandwidth_gb_per_s=dice.choice((890.0, 893.1, 1306.5, 1447.0, 2900.0)),
        host_gb_per_s=dice.uniform(0.5, 50),
    )  # fmt: skip


if __name__ == "__main__":
    main()
