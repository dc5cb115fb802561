"""What every demo stands on: a folder and a market of its own, steps as a user would type them, equal bills."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer

from cloudgpu.cli import render

SEED = 7

Environment = dict[str, str]


@contextmanager
def own_state(keep: bool) -> Iterator[Environment]:
    """A state folder for the demo alone, without any key of the user's; everything in it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="cloudgpu-demo-"))
    hidden = {"VAST_API_KEY", "RUNPOD_API_KEY", "HF_TOKEN", "VAST_URL", "CLOUDGPU_STORE"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden} | {"XDG_STATE_HOME": str(folder)}
    try:
        yield environment
    finally:
        for last in (("gateway", "stop"), ("emulator", "stop")):
            subprocess.run(_command(last), env=environment, capture_output=True, check=False)
        if keep:
            render.progress(f"The demo's folder: XDG_STATE_HOME={folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            render.progress("The demo's folder is gone with it; --keep leaves it, reports and all.")


def start_market(title: str, speed: float, environment: Environment) -> None:
    """The emulator, with the demo's seed."""
    play(title, ("emulator", "start", "--speed", f"{speed:g}", "--seed", str(SEED)), environment)


def play(title: str, arguments: Sequence[str], environment: Environment, *, status: int = 0) -> None:
    """One step, shown with its command. Raises typer.Exit when it ends with another status than this."""
    ended = _shown(title, arguments, environment)
    if ended != status:
        raise typer.Exit(ended or 1)


def play_migration(title: str, arguments: Sequence[str], environment: Environment, *how_far: str) -> None:
    """The same for one that is measured. Where a busy machine blurs the times, the gates cannot tell and wait for a
    person, who goes on. Raises typer.Exit when it ends in any other way."""
    ended = _shown(title, arguments, environment)
    if not ended:
        return
    if told(("migrate", "status", "--json"), environment)["migration"]["state"] != "paused":
        raise typer.Exit(ended)
    promote = ("migrate", "promote", *how_far)
    play("The gates could not tell and wait. Somebody reads the figures, and goes on.", promote, environment)


def told(arguments: Sequence[str], environment: Environment) -> dict[str, Any]:
    """The JSON that a command prints."""
    done = subprocess.run(_command(arguments), env=environment, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout))


def compare_bills(environment: Environment, page: Path | None = None) -> None:
    """The ledger's total beside the emulator's, and the one on an exported page.

    Exits with 1 when they differ: the demo would have shown a lie.
    """
    ours = told(("cost", "--json"), environment)["total"]["usd"]["total"]
    theirs = told(("emulator", "status", "--json"), environment)["bill_usd"]
    on_page = page is None or f"Exact total: {ours} USD" in page.read_text(encoding="utf-8")
    same = Decimal(ours) == Decimal(theirs) and on_page
    render.text(
        f"\nOur ledger ${ours}, the market's bill ${theirs}: {'equal to the last digit' if same else 'THEY DIFFER'}."
    )
    if not same:
        raise typer.Exit(1)


def _shown(title: str, arguments: Sequence[str], environment: Environment) -> int:
    """How the command ended."""
    render.heading(f"\n{title}")
    render.note(f"$ cloudgpu {' '.join(arguments)}")
    sys.stdout.flush()
    return subprocess.run(_command(arguments), env=environment, check=False).returncode


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "cloudgpu", *arguments]
