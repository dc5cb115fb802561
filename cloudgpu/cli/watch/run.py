"""The run of `cloudgpu watch`: looks, tells what changed since the last look, ends what was asked to end."""

import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

import typer

from cloudgpu.base.errors import CloudgpuError, worst_of
from cloudgpu.cli import render
from cloudgpu.cli.budget.hold import hold_budget
from cloudgpu.cli.deployment_view import trouble
from cloudgpu.cli.session import Session
from cloudgpu.cli.sweeping import Found, end_what_asked_for_it, look_everywhere
from cloudgpu.cli.withdrawn import withdraw
from cloudgpu.running.deployment import Deployment
from cloudgpu.running.deployment.lease import over
from cloudgpu.running.deployment.vitals import silence
from cloudgpu.running.sweep import Why

_ENDED = ("gone", "abandoned")


@dataclass
class Watcher:
    """What was told last, by what it is about: only what differs is told again."""

    session: Session
    providers: Sequence[str]
    as_json: bool
    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)
    """What was said of budgets: a side of a migration that bills on is no news at every look."""

    def look(self) -> Found:
        """One look: tell, end, tell. What one provider refuses hides nothing of the others."""
        found = look_everywhere(self.session, self.providers, vitals=True)
        self._tell_all(found)
        for gone, why in end_what_asked_for_it(self.session, found):
            self.told.pop(gone.token, None)
            self._say(gone.name, f"removed: {why}")
        try:
            for about, text in hold_budget(self.session, found):
                if (about, text) not in self.held:
                    self._say(about, text)
                self.held.add((about, text))
            withdraw(self.session)
        except CloudgpuError as error:
            found.failures.append(error)
        return found

    def _tell_all(self, found: Found) -> None:
        now = {each.token: (each.name, self._state(each)) for each in found.deployments}
        now |= {
            f"{each.provider} {each.view.instance_id}": (
                f"instance {each.view.instance_id} at {each.provider}", each.why.value
            )
            for each in found.findings
            if each.why is not Why.EXPIRED
        }  # fmt: skip
        now |= self._proposals(found)
        now |= {error.message: ("could not look", error.message) for error in found.failures}
        for key, said in now.items():
            if self.told.get(key) != said:
                self._say(*said)
        if found.failures:
            now = self.told | now  # what could not be looked at is not over
        for key in self.told.keys() - now.keys():
            name, text = self.told[key]
            if not text.startswith(_ENDED):
                self._say(name, f"no longer: {text}")
        self.told = now

    def _state(self, deployment: Deployment) -> str:
        price = f"{render.money(deployment.usd_per_hour_now, 4)}/h at {deployment.provider}"
        end = over(deployment, self.session.clock(deployment.provider).now())
        extra = [silence(deployment), deployment.last_error, end and end.split(" for ")[0]]
        return "; ".join([f"{deployment.state.value}, {price}", *(each for each in extra if each)])

    def _proposals(self, found: Found) -> dict[str, tuple[str, str]]:
        """Prices that hosts ask for. Told, never accepted."""
        asked = {}
        for name in sorted({each.provider for each in found.deployments if not each.state.is_final}):
            try:
                for each in self.session.provider(name).price_proposals():
                    more = f"{render.money(each.asked_usd_per_hour, 4)}/h" if each.asked_usd_per_hour else "more"
                    text = f"its host asks for {more}; nothing here accepts it"
                    asked[f"proposal {each.proposal_id}"] = (f"instance {each.instance_id} at {name}", text)
            except CloudgpuError as error:
                found.failures.append(error)
        return asked

    def _say(self, name: str, text: str) -> None:
        now = datetime.now(UTC)
        if self.as_json:
            return render.out_json({"at": now, "about": name, "text": text})
        return render.text(f"{now:%Y-%m-%d %H:%M:%S}Z  {name}: {text}")


def run(watcher: Watcher, pause_s: float, *, once: bool) -> None:
    """Look until somebody ends it. With `once` the exit status is that of `gc`: 6 when something unwanted may bill."""
    if once:
        return _end(watcher.look())
    over_now = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        over_now.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    while not over_now.is_set():
        try:
            watcher.look()
        except CloudgpuError as error:  # the journal is away for a moment, say: the next look may find it again
            typer.echo(f"Error: {error.message}", err=True)
        over_now.wait(pause_s)
    return None


def _end(found: Found) -> None:
    worst = worst_of(found.failures)
    if any(each.is_orphan for each in found.findings) or trouble(found.deployments):
        for error in found.failures:
            typer.echo(f"Error: {error.message}", err=True)
        raise typer.Exit(6)
    if worst is not None:
        raise worst
