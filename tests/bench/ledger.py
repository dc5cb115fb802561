"""The ledger at scale: a million events folded and reported by month, in time and memory, at 10k, 100k and 1M.

Run: python tests/bench/ledger.py. Each size runs in a process of its own, so that the peak of memory is its own.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.report import report
from cloudgpu.base.events import Event, EventKind

SIZES = (10_000, 100_000, 1_000_000)
LIFE_EVENTS = 50
START = datetime(2026, 1, 1, tzinfo=UTC)
RATES = ("0.36", "0.41", "0.29")


def events(count: int) -> Iterator[Event]:
    """So many events: lives of a few days, one after another, whose prices change now and then."""
    for number in range(count // LIFE_EVENTS):
        began = START + timedelta(hours=number * 0.3)
        yield from _life(f"t-{number}", f"model-{number % 40}", began)


def measure(count: int) -> None:
    """Print the seconds and the peak of memory for one size."""
    began = time.process_time()
    told = report(read_history(events(count)), START + timedelta(days=400), "day")
    months: dict[str, Decimal] = {}
    for line in told.lines:
        months[line.key[:7]] = months.get(line.key[:7], Decimal(0)) + line.total_usd
    seconds = time.process_time() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:>9,} events  {seconds:6.2f} s  {peak_mib:6.0f} MiB  {len(months)} months")


def _life(token: str, deployment: str, began: datetime) -> Iterator[Event]:
    kw = {"deployment": deployment, "provider": "vast", "token": token, "instance_id": token}
    data = {"model": "m", "gpu": "RTX 4090", "gpu_usd_per_hour": "0.36", "disk_usd_per_hour": "0.018"}
    yield Event(kind=EventKind.INTENDED, at=began, data=data, **kw)
    yield Event(kind=EventKind.CREATED, at=began, **kw)
    for step in range(LIFE_EVENTS - 4):
        seen = {
            "state": "ready", "gpu_billing": True, "disk_billing": True, "gpu_usd_per_hour": RATES[step // 8 % 3],
            "disk_usd_per_hour": "0.018",
        }  # fmt: skip
        yield Event(kind=EventKind.OBSERVED, at=began + timedelta(hours=step + 1), data=seen, **kw)
    yield Event(kind=EventKind.READY, at=began + timedelta(hours=2), **kw)
    yield Event(kind=EventKind.GONE, at=began + timedelta(hours=LIFE_EVENTS), **kw)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
    else:
        for size in SIZES:
            subprocess.run([sys.executable, __file__, str(size)], check=True)
