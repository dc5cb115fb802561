"""A world for migrations: instances that bill, an address, a journal; and a process that can be killed at any act."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, ConflictError, InstanceFailedError
from cloudgpu.moving.footing import Stand
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.live import Baseline, Count, Observation
from cloudgpu.moving.migration import Migration, Side


class Killed(BaseException):
    """The process is no more."""


@dataclass
class World:
    """Everything that outlives a process."""

    billing: set = field(default_factory=lambda: {"t-old"})
    names: dict = field(default_factory=lambda: {"mistral": "t-old"})
    journal: dict = field(default_factory=dict)
    rentals: int = 0
    sick: set = field(default_factory=set)
    stopped: set = field(default_factory=set)
    babbling: set = field(default_factory=set)
    ending: set = field(default_factory=set)
    cannot_be_destroyed: set = field(default_factory=set)
    creation_fails: bool = False
    replaces: bool = False
    gateway_is_gone: bool = False
    gates: Outcome = Outcome.PASS
    weights: dict = field(default_factory=lambda: {"mistral": 100})
    standby: str | None = None
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    counts: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    taken: set = field(default_factory=set)
    """From which state to which the journal went."""

    @property
    def address(self):
        """The side that clients are sent to; None when there is none. Setting it moves all of them by hand."""
        return max(self.weights, key=lambda name: self.weights[name], default=None)

    @address.setter
    def address(self, name):
        self.weights = {name: 100} if name else {}

    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    def reaches(self, name):
        return bool(self.weights.get(name)) or self.standby == name

    def saved(self):
        return Migration.from_body(json.loads(self.journal["m-1"]))

    def down(self, name):
        """`cloudgpu down NAME --force`: the requests go to whoever else had a share, or stood by."""
        self.billing.discard(self.names.pop(name))
        self.sick.discard(name)  # the next of that name is another machine
        self.stopped.discard(name)
        heir = self.standby if self.standby != name else None
        self.weights.pop(name, None)
        self.standby = None
        if not self.weights and heir:
            self.weights = {heir: 100}

    def gc(self):
        """Carry through every end that was asked for."""
        self.billing -= self.ending - self.cannot_be_destroyed


@dataclass
class Process:
    """The acts, done by a process that dies when it has taken `steps_left` steps in the world (None: it lives)."""

    world: World
    steps_left: int | None = None

    def save(self, migration):
        self._step()
        if "m-1" in self.world.journal:
            self.world.taken.add((self.world.saved().state.value, migration.state.value))
        self.world.journal["m-1"] = json.dumps(migration.as_body())
        self._step()

    def provision(self, migration):
        self._step()
        token = self.world.names.get(migration.new.name)
        if self.stand(migration.new) is Stand.STOPPED:
            raise ConflictError(f"{migration.new.name} was stopped")
        if token in self.world.ending:
            token = self._carry_through(token, migration.new.name)
        if token is None:
            token = f"t-new-{self.world.rentals}"
            self.world.names[migration.new.name] = token  # the intent comes first
            self._step()
            self.world.billing.add(token)
            self.world.rentals += 1
        elif token not in self.world.billing:
            self.world.billing.add(token)
            self.world.rentals += 1
        self._step()
        if self.world.creation_fails:
            self._end(token, migration.new.name)
            raise InstanceFailedError("the engine refused to start")
        self._step()
        return token

    def exists(self, side):
        return self._token(side) in self.world.billing

    def is_ending(self, side):
        return self._token(side) in self.world.ending

    def is_healthy(self, side):
        return self.stand(side) is Stand.ANSWERS

    def stand(self, side):
        if not self.exists(side):
            return Stand.GONE
        if self.is_ending(side):
            return Stand.GOING
        if side.name in self.world.stopped:
            return Stand.STOPPED
        return Stand.SILENT if side.name in self.world.sick else Stand.ANSWERS

    def found(self, side):
        return None if self.is_healthy(side) else "does not answer"

    def now(self, migration):
        return self.world.now

    def warm_up(self, migration):
        self._step()
        self._gateway()

    def validate(self, migration):
        self._step()
        refused = self.is_healthy(migration.old) and not self.is_healthy(migration.new)
        outcome = Outcome.FAIL if refused else self.world.gates
        check = Check(gate="quality", name="answers", outcome=outcome, reason="as the world has it")
        return Verdict(old=migration.old.name, new=migration.new.name, at=self.world.now, checks=(check,))

    def observe(self, migration):
        return Observation(
            at=self.world.now, old_is_healthy=self.is_healthy(migration.old),
            refusal=None if self.is_healthy(migration.new) else "connection refused", counts=self.counts(migration),
            nonsense="3 of 3 answers look broken" if migration.new.name in self.world.babbling else None,
        )  # fmt: skip

    def counts(self, migration):
        old, new = (self.world.counts.get(side.name, Count()) for side in (migration.old, migration.new))
        return Baseline(old=old, new=new)

    def name(self, migration):
        return None

    def serving(self, service):
        return self.world.address

    def share(self, migration):
        self._step()
        self._gateway()
        percent = migration.new_percent
        to, other = (migration.new, migration.old) if percent == 100 else (migration.old, migration.new)
        if not self.exists(to) or self.is_ending(to):
            raise ConflictError(f"{to.name} is not left")
        there = self.exists(other) and not self.is_ending(other) and migration.is_sharing
        if self.world.address != to.name:
            self.world.notes.append(to.name)
        self.world.weights = {to.name: 100 if percent in (0, 100) else 100 - percent}
        if there and percent not in (0, 100):
            self.world.weights[other.name] = percent
        self.world.standby = other.name if there and percent in (0, 100) and migration.ending is None else None
        self._step()
        return migration

    def reaches(self, side):
        return self.world.reaches(side.name)

    def detach(self, side):
        self._step()
        self._gateway()
        if self.world.standby == side.name:
            self.world.standby = None
        if len(self.world.weights) > 1 or self.world.replaces:
            self.world.weights.pop(side.name, None)
        self._step()

    def withdraw_address(self, migration):
        self._step()
        pointed = self.world.names.get(self.world.address)
        assert pointed not in self.world.billing - self.world.ending, "the address of a living side was taken away"
        self.world.address = self.world.standby = None
        self._step()

    def destroy(self, side):
        self._step()
        token = self._token(side)
        if token not in self.world.billing:
            return
        assert not self.world.reaches(side.name), "a side that requests may reach was destroyed"
        left = self.world.billing - self.world.ending
        assert left != {token} or self.world.replaces, "the last side that was left was destroyed"
        self.world.ending.add(token)
        self._step()
        if token in self.world.cannot_be_destroyed:
            raise CleanupFailedError(f"{side.name} may still bill", instance_id="1")
        self._end(token, side.name)
        self._step()

    def _carry_through(self, token, name):
        if token in self.world.cannot_be_destroyed:
            raise CleanupFailedError(f"{name} may still bill", instance_id="1")
        self._end(token, name)

    def _gateway(self):
        if self.world.gateway_is_gone:
            raise CloudgpuError("the gateway does not run and cannot be started")

    def _end(self, token, name):
        self.world.billing.discard(token)
        self.world.names.pop(name, None)

    def _token(self, side: Side):
        return side.token or self.world.names.get(side.name)

    def _step(self):
        if self.steps_left == 0:
            raise Killed
        if self.steps_left is not None:
            self.steps_left -= 1


def a_migration(**changes):
    values = {
        "migration_id": "m-1", "service": "mistral", "old": Side("mistral", "t-old"), "new": Side("qwen-14b"),
        "model": "Qwen/Qwen2.5-14B-Instruct", "provider": "emulator", "plan_file": "p.json",
        "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return Migration(**{**values, **changes})
