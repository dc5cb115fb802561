"""The ledger at scale: a million events folded and reported by month, in time and memory, at 10k, 100k and 1M.

    python tests/bench/ledger.py [--json] [EVENTS ...]

Each size runs in a process of its own, so that the peak of memory is its own; the seconds are those of one core at
work. The events are read from a journal's file, as `cloudgpu cost` reads them. Aims for a million: at most 10 s and
500 MB. `units` are the same work in shares of a fixed piece of plain Python, measured beside it: they say the same on
a slow or busy machine, so tests/accounting/test_scale.py holds them.
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


def measure(journal: Path) -> dict[str, float]:
    """The seconds of reading, folding and reporting one journal, the peak of memory, and what plain Python took."""
    unit_s = min(plain_python() for _ in range(3))
    began = time.process_time()
    found = file_events(f"sqlite:///{journal}")
    assert found is not None
    read = time.process_time()
    told = report(read_history(found), START + timedelta(days=400), "day")
    months: dict[str, Decimal] = {}
    for line in told.lines:
        months[line.key[:7]] = months.get(line.key[:7], Decimal(0)) + line.total_usd
    ended = time.process_time()
    unit_s = min(unit_s, *(plain_python() for _ in range(3)))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {
        "events": len(found), "months": len(months), "read_s": read - began, "told_s": ended - read,
        "peak_mb": peak_mb, "units": (ended - began) / unit_s,
    }  # fmt: skip


def plain_python() -> float:
    """Seconds of a fixed piece of work of the kind that a ledger does: texts, moments, exact amounts, a dictionary."""
    began = time.process_time()
    sums: dict[str, Decimal] = {}
    for number in range(20_000):
        row = json.loads('{"at": "2026-03-01T12:00:00+00:00", "usd": "0.360000000001"}')
        key = f"{datetime.fromisoformat(row['at']):%Y-%m} {number % 40}"
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["usd"])
    return time.process_time() - began


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


def main(words: list[str]) -> None:
    sizes = [int(word) for word in words if word.isdigit()] or SIZES
    with tempfile.TemporaryDirectory() as folder:
        found = [_measured_alone(size, Path(folder) / f"{size}.db") for size in sizes]
    if "--json" in words:
        print(json.dumps(found))
        return
    for each in found:
        seconds = each["read_s"] + each["told_s"]
        parts = f"reading {each['read_s']:.1f} s, fold and report {each['told_s']:.1f} s, {each['units']:.0f} units"
        print(f"{each['events']:>9,} events  {seconds:6.2f} s  {each['peak_mb']:6.0f} MB  ({parts})")


def _measured_alone(size: int, journal: Path) -> dict[str, float]:
    write(size, journal)
    done = subprocess.run([sys.executable, __file__, str(journal)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].endswith(".db"):
        print(json.dumps(measure(Path(sys.argv[1]))))
    else:
        main(sys.argv[1:])
