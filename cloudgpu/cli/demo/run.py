"""The run of `cloudgpu demo`: each step a process of its own, as a user would type it, in a folder of its own."""

import time
from pathlib import Path

import typer

from cloudgpu.cli import render
from cloudgpu.cli.demo.stage import Environment, compare_bills, own_state, play, play_migration, start_market
from cloudgpu.moving import address
from cloudgpu.running import health

QUESTION = "In one sentence: why keep the old model warm while switching to a new one?"

Step = tuple[str, tuple[str, ...]]
BEFORE_THE_QUESTION: tuple[Step, ...] = (
    ("Mistral 7B: which card, and what does it really cost?", ("plan", "mistral", "--provider", "emulator")),
    ("Rent the pick, wait until it answers.", ("up", "mistral", "--provider", "emulator", "--yes")),
)
AFTER_THE_QUESTION: tuple[Step, ...] = (
    ("A bigger model: Qwen2.5 14B.", ("plan", "qwen-14b", "--provider", "emulator")),
    ("Bring it up beside Mistral, measure both, move the address.", ("migrate", "--from", "mistral", "--yes")),
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
    with own_state(keep) as environment:
        start_market("A market on this machine: loopback, with a clock that runs fast.", speed, environment)
        for title, arguments in BEFORE_THE_QUESTION:
            play(title, arguments, environment)
        _ask(environment)
        for title, arguments in AFTER_THE_QUESTION:
            step = play_migration if arguments[:2] == ("migrate", "--from") else play
            step(title, arguments, environment)
        compare_bills(environment)
    render.heading(f"\nThe demo took {time.monotonic() - started:.0f} s and $0.00 of real money.")
    render.text("Next: cloudgpu plan MODEL; then VAST_API_KEY=… cloudgpu up MODEL to do it for real.")


def _ask(environment: Environment) -> None:
    render.heading("\nAsk it, as any OpenAI client would.")
    where = address.read("mistral", Path(environment["XDG_STATE_HOME"]) / "cloudgpu")
    if where is None:
        raise typer.Exit(1)
    answer = health.ask(where.base_url.removesuffix("/v1"), where.api_key, where.model, QUESTION)
    render.text(f"Q: {QUESTION}")
    render.text(f"A: {answer.text}")
