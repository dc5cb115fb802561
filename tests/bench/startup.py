"""How long `cloudgpu --help`, an offline `cloudgpu plan qwen-14b` and `cloudgpu cost` take.

    python tests/bench/startup.py [ROUNDS]

Whole processes, one of each in turn; the figures are seconds of work (a busy machine hardly changes them) and the
ratios of their medians. Beside a minimal typer + rich program: at most 1.3 for `--help`, at most 2.0 for `plan`. Beside
`cloudgpu --help`, on a journal of 10,000 events: at most 1.5 for `cost --offline`, and for `cost` when nothing is
rented any more and all was read.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from ledger import START, write

from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.store import Store

HELLO = '''
import typer
from rich.console import Console

app = typer.Typer()

@app.command()
def hello(name: str = "world") -> None:
    """Say hello."""
    Console().print(f"hello {name}")

app()
'''
AIMS = {
    "--help": ("hello --help", 1.3), "plan qwen-14b": ("hello --help", 2.0), "cost --offline": ("--help", 1.5),
    "cost": ("--help", 1.5),
}  # fmt: skip
"""What is measured, beside what, and the ratio that it may have."""

EVENTS = 10_000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cloudgpu").mkdir()
        journal = Path(folder) / "cloudgpu" / "cloudgpu.db"
        write(EVENTS, journal)
        with closing(Store(f"sqlite:///{journal}")) as store:
            read_at = START + timedelta(days=30)
            store.append(Event(kind=EventKind.BALANCE, at=read_at, provider="vast", data={"usd": "50"}))
        medians = measure(commands(Path(folder)), rounds, environment(folder))
    hello = medians["hello --help"]
    print(f"hello --help           {hello * 1000:6.0f} ms   (minimal typer + rich, median of {rounds})")
    for name, (beside, aim) in AIMS.items():
        ratio = medians[name] / medians[beside]
        verdict = "" if ratio <= aim else "   ABOVE"
        print(f"cloudgpu {name:<14}{medians[name] * 1000:6.0f} ms   {ratio:.2f} times {beside}, aim {aim}{verdict}")


def commands(folder: Path) -> dict[str, list[str]]:
    script = folder / "hello.py"
    script.write_text(HELLO)
    cloudgpu = str(Path(sys.executable).parent / "cloudgpu")
    return {
        "hello --help": [sys.executable, str(script), "--help"],
        **{name: [cloudgpu, *name.split()] for name in AIMS},
    }


def measure(programs: dict[str, list[str]], rounds: int, env: dict[str, str]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in programs}
    for round_number in range(rounds + 1):
        for name, command in programs.items():
            before = worked_s()
            subprocess.run(command, check=True, capture_output=True, env=env)
            if round_number:  # the first round warms the file cache
                times[name].append(worked_s() - before)
    return {name: statistics.median(values) for name, values in times.items()}


def worked_s() -> float:
    """Seconds of work of all child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def environment(home: str) -> dict[str, str]:
    hidden = {"VAST_API_KEY", "RUNPOD_API_KEY", "HF_TOKEN"}
    return {k: v for k, v in os.environ.items() if k not in hidden} | {"HOME": home, "XDG_STATE_HOME": home}


if __name__ == "__main__":
    main()
