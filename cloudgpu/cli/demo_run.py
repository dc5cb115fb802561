"""The run of `cloudgpu demo`: each step a process of its own, as a user would type it, in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer

from cloudgpu.cli import render
from cloudgpu.moving import address
from cloudgpu.running import health

SEED = 7
QUESTION = "In one sentence: why keep the old model warm while switching to a new one?"

Step = tuple[str, tuple[str, ...]]
BEFORE_THE_QUESTION: tuple[Step, ...] = (
    ("A market on this machine: Vast.ai's API on loopback, with a clock that runs fast.", ("emulator", "start")),
    ("Mistral 7B: which card, and what does it really cost?", ("plan", "mistral", "--provider", "emulator")),
    ("Rent the pick, wait until it answers.", ("up", "mistral", "--provider", "emulator", "--yes")),
)
AFTER_THE_QUESTION: tuple[Step, ...] = (
    ("A bigger model: Qwen2.5 14B.", ("plan", "qwen-14b", "--provider", "emulator")),
    ("Bring it up beside Mistral, ask both, move the address.", ("migrate", "--from", "mistral", "--yes")),
    ("Not happy? The old one is still warm: back at once.", ("migrate", "rollback", "--yes")),
    ("Happy after all: it is still warm too, nothing new is rented.", ("migrate", "--from", "mistral", "--yes")),
    ("Keep the new one, stop paying for the old one.", ("migrate", "finalize", "--yes")),
    ("Who is alive, and what does it cost?", ("status",)),
    ("Give everything back.", ("down", "--all", "--yes")),
    ("Every hour and every dollar.", ("cost",)),
    ("The market's own bill, to compare.", ("emulator", "status")),
)


def run(*, keep: bool, speed: float) -> None:
    """Play the steps, compare the bills, clean up. Raises typer.Exit with a step's own status when it fails."""

    started = time.monotonic()
    with _own_state(keep) as environment:
        for title, arguments in _with_market_options(BEFORE_THE_QUESTION, speed):
            _run(title, arguments, environment)
        _ask(environment)
        for title, arguments in AFTER_THE_QUESTION:
            _run(title, arguments, environment)
        _compare_bills(environment)
    render.heading(f"\nThe demo took {time.monotonic() - started:.0f} s and $0.00 of real money.")
    render.text("Next: cloudgpu plan MODEL; then VAST_API_KEY=… cloudgpu up MODEL to do it for real.")


@contextmanager
def _own_state(keep: bool) -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="cloudgpu-demo-"))
    hidden = {"VAST_API_KEY", "RUNPOD_API_KEY", "HF_TOKEN", "VAST_URL", "CLOUDGPU_STORE"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden} | {"XDG_STATE_HOME": str(folder)}
    try:
        yield environment
    finally:
        subprocess.run(_command(("emulator", "stop")), env=environment, capture_output=True, check=False)
        _leave(folder, keep)


def _leave(folder: Path, keep: bool) -> None:

    if keep:
        render.progress(f"The demo's folder: XDG_STATE_HOME={folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _with_market_options(steps: tuple[Step, ...], speed: float) -> Iterator[Step]:
    for title, arguments in steps:
        market = ("--speed", f"{speed:g}", "--seed", str(SEED)) if arguments == ("emulator", "start") else ()
        yield title, (*arguments, *market)


def _run(title: str, arguments: tuple[str, ...], environment: dict[str, str]) -> None:

    render.heading(f"\n{title}")
    render.note(f"$ cloudgpu {' '.join(arguments)}")
    sys.stdout.flush()
    done = subprocess.run(_command(arguments), env=environment, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "cloudgpu", *arguments]


def _ask(environment: dict[str, str]) -> None:
    render.heading("\nAsk it, as any OpenAI client would.")
    where = address.read("mistral", Path(environment["XDG_STATE_HOME"]) / "cloudgpu")
    if where is None:
        raise typer.Exit(1)
    answer = health.ask(where.base_url.removesuffix("/v1"), where.api_key, where.model, QUESTION)
    render.text(f"Q: {QUESTION}")
    render.text(f"A: {answer.text}")


def _compare_bills(environment: dict[str, str]) -> None:
    """The ledger's total beside the emulator's. Exits with 1 when they differ: the demo would have shown a lie."""

    ours = _json(("cost", "--json"), environment)["total"]["usd"]["total"]
    theirs = _json(("emulator", "status", "--json"), environment)["bill_usd"]
    same = Decimal(ours) == Decimal(theirs)
    render.text(
        f"\nOur ledger ${ours}, the market's bill ${theirs}: {'equal to the last digit' if same else 'THEY DIFFER'}."
    )
    if not same:
        raise typer.Exit(1)


def _json(arguments: tuple[str, ...], environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(_command(arguments), env=environment, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout))
