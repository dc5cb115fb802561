"""The run of `cloudgpu demo --migrate`: clients that ask all the while, and a new model that fails them once."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.demo.stage import Environment, compare_bills, own_state, play, play_migration, start_market, told
from cloudgpu.moving import address
from cloudgpu.moving.address import Address
from cloudgpu.moving.gateway.desk import open_gateway
from cloudgpu.moving.gateway.route import GatewayKind
from cloudgpu.running import health

_CANARY = ("migrate", "--from", "mistral", "--strategy", "canary", "--steps", "10,50", "--window", "20", "--yes")
_CLIENTS = 4
_PAUSE_S = 0.2


def run(*, keep: bool, speed: float) -> None:
    """Play it, compare the bills, clean up. Raises CloudgpuError without HAProxy, typer.Exit when a step fails."""
    open_gateway(GatewayKind.HAPROXY, Path()).check()
    started = time.monotonic()
    with own_state(keep) as environment:
        _up_behind_a_gateway(speed, environment)
        with _asking(environment) as crowd:
            _first_try(environment)
            _second_try(environment)
        render.heading(f"\nAll the while {_CLIENTS} clients asked through one URL with one key: {crowd}.")
        play("Give everything back.", ("down", "--all", "--yes"), environment)
        play("The gateway too.", ("gateway", "stop"), environment)
        play("Every hour and every dollar.", ("cost",), environment)
        page = Path(environment["XDG_STATE_HOME"]) / "cost.html"
        play("The same as one page.", ("cost", "export", "--format", "html", "-o", str(page)), environment)
        compare_bills(environment, page)
    render.heading(f"\nThe demo took {time.monotonic() - started:.0f} s and $0.00 of real money.")
    if crowd.failed:
        raise typer.Exit(1)


def _up_behind_a_gateway(speed: float, environment: Environment) -> None:
    start_market("A market on this machine, with a clock that runs fast.", speed, environment)
    play("Mistral 7B: which card, at what price?", ("plan", "mistral", "--provider", "emulator"), environment)
    play("Rent the pick.", ("up", "mistral", "--provider", "emulator", "--yes"), environment)
    play("One URL and one key that stay, whichever model answers.", ("gateway", "start"), environment)


def _first_try(environment: Environment) -> None:
    play("A bigger model: Qwen2.5 14B.", ("plan", "qwen-14b", "--provider", "emulator"), environment)
    play("What would the move be, and cost?", (*_CANARY, "--dry-run"), environment)
    title = "Do it: measure both, then a tenth of the requests."
    play_migration(title, (*_CANARY, "--pause", "ask"), environment)
    label = _label_of("qwen-14b", environment)
    fault = ("emulator", "fault", "add", "engine", "503", "--times", "0", "--label", label)
    play("Now the new model breaks: every answer is a 503.", fault, environment)
    play("The next look notices, and goes back by itself.", ("migrate", "follow", "--once"), environment, status=1)
    play("Clients never saw it: the gateway asked the other side.", ("gateway", "status"), environment)


def _second_try(environment: Environment) -> None:
    play("The new model is mended.", ("emulator", "fault", "clear"), environment)
    title = "Once more; it is still warm, nothing is rented."
    play_migration(title, (*_CANARY, "--pause", "3"), environment, "--full")
    play("Where does it stand?", ("migrate", "status"), environment)
    play("Keep the new one, stop paying for the old one.", ("migrate", "finalize", "--yes"), environment)


def _label_of(name: str, environment: Environment) -> str:
    """What the market calls the deployment's instance."""
    rented = told(("emulator", "status", "--json"), environment)["instances"]
    return next(str(row["label"]) for row in rented if name in str(row["label"]))


@dataclass
class _Crowd:
    """Clients that ask until they are told to stop, and how they were answered."""

    outcomes: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> int:
        return self.outcomes.total() - self.outcomes["answered"]

    def ask_from(self, where: Address) -> None:
        while not self.stop.wait(_PAUSE_S):
            try:
                health.ask(where.base_url.removesuffix("/v1"), where.api_key, where.model, "What is 17 + 25?")
                self.outcomes["answered"] += 1
            except CloudgpuError as error:
                self.outcomes[error.message] += 1

    def __str__(self) -> str:
        told_of = [f"{count} × {what}" for what, count in self.outcomes.items() if what != "answered"]
        return "; ".join([f"{self.outcomes['answered']} of {self.outcomes.total()} answered", *told_of])


@contextmanager
def _asking(environment: Environment) -> Iterator[_Crowd]:
    where = address.read("mistral", Path(environment["XDG_STATE_HOME"]) / "cloudgpu")
    if where is None:
        raise typer.Exit(1)
    crowd = _Crowd()
    clients = [threading.Thread(target=crowd.ask_from, args=(where,), daemon=True) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield crowd
    finally:
        crowd.stop.set()
        for client in clients:
            client.join(timeout=10)
