"""The ledger at scale: a million events folded and reported by month, in time and memory, at 10k, 100k and 1M.

Run: python tests/bench/ledger.py. Each size runs in a process of its own, so that the peak of memory is its own; the
seconds are those of one core. The events are read from a journal's file, as `cloudgpu cost` reads them. Aims for a
million: at most 10 s and 500 MB.
"""

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.report import report
from cloudgpu.base.clock import utc_text
from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.journal_file import file_events
from cloudgpu.running.store import Store

SIZES = (10_000, 100_000, 1_000_000)
LIFE_EVENTS = 50
START = datetime(2026, 1, 1, tzinfo=UTC)
RATES = ("0.36", "0.41", "0.29")


def events(count: int) -> Iterator[Event]:
    """So many events: lives of a few days, one after another, whose prices change now and then."""
    for number in range(count // LIFE_EVENTS):
        began = START + timedelta(hours=number * 0.3)
        yield from _life(f"t-{number}", f"model-{number % 40}", began)


def measure(journal: Path) -> None:
    """Print the seconds of reading, folding and reporting one journal, and the peak of memory."""
    began = time.process_time()
    found = file_events(f"sqlite:///{journal}")
    assert found is not None
    read = time.process_time()
    told = report(read_history(found), START + timedelta(days=400), "day")
    months: dict[str, Decimal] = {}
    for line in told.lines:
        months[line.key[:7]] = months.get(line.key[:7], Decimal(0)) + line.total_usd
    seconds = time.process_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    parts = f"reading {read - began:.1f} s, fold and report {seconds + began - read:.1f} s"
    print(f"{len(found):>9,} events  {seconds:6.2f} s  {peak_mb:6.0f} MB  {len(months)} months  ({parts})")


def write(count: int, journal: Path) -> None:
    """A journal with so many events, past the store's one commit an event."""
    Store(f"sqlite:///{journal}").close()
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.executemany(
            "INSERT INTO events (kind, at, deployment, provider, token, instance_id, data) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((e.kind.value, utc_text(e.at), e.deployment, e.provider, e.token, e.instance_id,
              json.dumps(dict(e.data), sort_keys=True)) for e in events(count)),
        )  # fmt: skip


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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            journal = Path(folder) / f"{size}.db"
            write(size, journal)
            subprocess.run([sys.executable, __file__, str(journal)], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        main()
