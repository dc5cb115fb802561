"""Months of random life at one provider, through the real adapters, and the truth to lay beside what was recorded."""

import contextlib
import dataclasses
import random
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import requests

from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.doubt import doubt_usd
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.ledger import charges, fold
from cloudgpu.base.clock import parse_utc
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.cli.cost.reconcile import statement_event
from cloudgpu.running.deployment import read_bill, refresh, take_down
from tests.running.emulated import World

MODELS = ("mistral", "qwen-7b", "qwen-14b")
TURNS = {
    "vast": ("outbid", "host_offline", "price_rise", "stopped", "unknown"),
    "runpod": ("host_offline", "price_rise", "stopped", "terminated"),
}
ACTS = (
    "rent", "rent", "end", "turn", "turn", "turn", "traffic", "bill", "stranger", "console", "emptied", "outage",
    "migrate",
)  # fmt: skip
DAY = timedelta(days=1)
_METERED = (Meter.GPU, Meter.DISK, Meter.DISK_STOPPED)


class Months:
    """A story of so many acts, drawn by a seed: what is recorded of it stands in the journal, the truth at the rig."""

    def __init__(self, name, rig, path, seed):
        rig.reset(seed=seed)
        rig.set_credit(name, Decimal(10**6))
        self.world, self.rig, self.name = World(name, rig, path), rig, name
        self.clock, self.store, self.provider = rig.clock, self.world.store, self.world.provider
        self.draw = random.Random(f"{name} {seed}")
        self.began, self.strangers, self.looks, self.moves = self.clock.now(), set(), {}, 0

    def live(self, acts):
        for _ in range(acts):
            getattr(self, f"_{self.draw.choice(ACTS)}")()
            self._pass()
            self.look()

    def finish(self):
        """Everything ends; a day and a half later the bills are read for the last time."""
        for each in self.store.deployments():
            self._take_down(each)
        for stranger in self.strangers:
            self.rig.destroy(self.name, stranger)
        self.rig.advance(129_600)
        self._bill()

    def look(self):
        for each in self.store.deployments():
            after = refresh(each, self.provider, self.store, self.clock, self.store.append)
            if after.seen_at is not None:
                self.looks.setdefault(after.token, []).append(after.seen_at)

    def empty(self):
        for each in self.rig.rented():
            self.rig.destroy(self.name, each.instance_id)

    def read_statement(self):
        since = self.began - DAY
        self.store.append(statement_event(self.provider, self.name, since, self.clock.now()))

    def _rent(self):
        with contextlib.suppress(CloudgpuError):
            self.world.up(self.draw.choice(MODELS), spot=self.name == "vast" and self.draw.random() < 0.3)

    def _end(self):
        if standing := self.store.deployments():
            self._take_down(self.draw.choice(standing))

    def _take_down(self, deployment):
        take_down(deployment, **self.world.tools)

    def _turn(self):
        lasting = {"for_s": self.draw.uniform(600, 200_000)}
        do = self.draw.choice(TURNS[self.name])
        more = lasting if do in ("outbid", "host_offline") else {}
        more |= {"factor": self.draw.choice((0.8, 1.3))} if do == "price_rise" else {}
        if standing := self.store.deployments():
            label = self.draw.choice(standing).token
            self.world.fault("instance", do, label=label, after_s=self.draw.uniform(0, 40_000), **more)

    def _traffic(self):
        if standing := self.store.deployments():
            each = self.draw.choice(standing)
            self.rig.traffic(self.name, each.instance_id, size_gb=Decimal(self.draw.randint(1, 90)), seconds=5000)

    def _bill(self):
        for each in self.store.deployments(include_gone=True):
            read_bill(each, self.provider, self.store.append, self.clock)

    def _stranger(self):
        """Somebody else's work on the same account."""
        rental = self.world.request("qwen-7b").rentals[-1]
        with contextlib.suppress(CloudgpuError):
            self.strangers.add(self.provider.create(rental.offer, rental.launch, "somebody-else"))

    def _console(self):
        """A person destroys something of ours at the console."""
        if self.draw.random() < 0.3 and (standing := self.store.deployments()):
            self.rig.destroy(self.name, self.draw.choice(standing).instance_id)

    def _emptied(self):
        """A person destroys all there is: a list that is empty proves no end, so all of it is metered on."""
        if self.draw.random() < 0.5:
            self.empty()

    def _outage(self):
        """Nobody can be asked for a while, and life goes on."""
        self.world.fault("list", "503", times=None)
        self._pass()
        self.look()
        self.world.heal()

    def _migrate(self):
        """What a migration writes down: the ledger divides by it, and must lose nothing."""
        if len(standing := self.store.deployments()) < 2:
            return
        self.moves += 1
        for state in self.draw.choice((("planned", "promoted", "finalized"), ("planned", "rolled_back"))):
            data = {
                "migration_id": f"m-{self.moves}", "state": state, "from": standing[0].name, "to": standing[1].name,
            }  # fmt: skip
            self.store.append(Event(kind=EventKind.MIGRATION, at=self.clock.now(), provider=self.name, data=data))

    def _pass(self):
        """Up to four days; somebody looks every few hours, or (the observer was killed) nobody does."""
        left = self.draw.choice((600, 20_000, 90_000, 350_000)) * self.draw.uniform(0.3, 1)
        pause = self.draw.choice((3_000, 20_000, None))
        while left > 0:
            self.rig.advance(min(left, pause or left))
            left -= pause or left
            if left > 0:
                self.look()


class Truth:
    """The emulator's own bill of what we rented, and the journal's figures for the same."""

    def __init__(self, months):
        self.months, self.now = months, months.clock.now()
        self.events = months.store.events()
        key = months.rig.vast_key.reveal()
        told = requests.get(f"{months.rig.url}/emulator/bill", headers={"Authorization": f"Bearer {key}"}, timeout=30)
        rows = told.json()["instances"]
        self.rows = {str(row["instance_id"]): row for row in rows if row["provider"] == months.name}

    def ours_usd(self):
        return sum((Decimal(row["usd"]) for id_, row in self.rows.items() if id_ not in self.months.strangers))

    def ledger_usd(self):
        return sum((charge.usd for charge in fold(self.events, self.now)), Decimal(0))

    def unbilled(self):
        """The history as it would stand if no bill had ever been read."""
        return read_history(event for event in self.events if event.kind is not EventKind.CHARGED)

    def beyond_doubt(self, history):
        """Lives whose metered time is wrong by more than was stated, though each change lay in a gap of its own."""
        return [told for life in history.lives if (told := self._wrong(history, life)) and self.is_traceable(life)]

    def _wrong(self, history, life):
        if not life.created:
            return None
        alone = dataclasses.replace(history, lives=(life,))
        ours = sum(c.usd for c in charges(alone, self.now) if c.meter in _METERED)
        theirs = sum(Decimal(line["usd"]) for line in self._lines(life))
        doubt = doubt_usd(life, self.now)
        off = abs(ours - theirs)
        return None if off <= doubt + Decimal("1e-9") else (life.token, life.provider, ours, theirs, doubt)

    def is_traceable(self, life):
        """Whether no two changes lay between two looks: the second would leave no trace of the first."""
        changes = {parse_utc(line[end]) for line in self._lines(life) for end in ("start", "end")}
        looks = [life.began, *self.months.looks.get(life.token, []), life.gone_at or self.now]
        looks = sorted({*looks, *([life.ready_at] if life.ready_at else [])})
        return all(sum(a < each <= b for each in changes) <= 1 for a, b in pairwise(looks))

    def _lines(self, life):
        return [line for line in self.rows[life.instance_id]["lines"] if line["meter"] in ("gpu", "disk")]
