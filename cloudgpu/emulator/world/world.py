"""The emulated market and its one account: what is rented, what can be, and what each act changes.

One thread owns it. Every change is on disk before the caller hears of it, unless it is kept in memory alone.
"""

from base64 import b32encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import BadFileError
from cloudgpu.base.money import ZERO
from cloudgpu.emulator.fleet.change import MarketChange, changed
from cloudgpu.emulator.fleet.machine import Ask, Machine, asks
from cloudgpu.emulator.fleet.vast import fingerprint, make_machines
from cloudgpu.emulator.instances.credit import unpaid, used_up_at
from cloudgpu.emulator.instances.holdings import Holdings, holdings_of
from cloudgpu.emulator.instances.instance import Instance, Rate, Stage, Step, Transfer, gpu_usd_per_hour, step_at
from cloudgpu.emulator.instances.lifecycle import cut, extended, restarted_pod, started, turned
from cloudgpu.emulator.instances.rental import RentRequest, launch_of, new_instance
from cloudgpu.emulator.world.book import WorldBook
from cloudgpu.emulator.world.fault_desk import FaultDesk
from cloudgpu.emulator.world.file import WorldState
from cloudgpu.emulator.world.shelf import Shelf

FIRST_CREDIT_USD = Decimal(1000)
_FIRST_INSTANCE_ID = 33_000_000


Fleet = Callable[[int, datetime], tuple[Machine, ...]]
"""The machines of a market, from its seed and the time it opened."""


class World:
    """Opens the saved world at `path`, or begins one with `seed`; without a path it is kept in memory alone.

    `reserve_port` finds a free loopback port; `kept` is the state to begin with, None: a new market's.

    One world is one market with one account: Vast.ai's, or with another `fleet` RunPod's. `faults` is what may go
    wrong in it, on the `shelf` is what the account keeps beside its instances.

    Raises BadFileError for a world that is damaged or belongs to another release's market.
    """

    def __init__(
        self,
        *,
        path: Path | None,
        clock: Clock,
        seed: int,
        reserve_port: Callable[[], int],
        fleet: Fleet = make_machines,
        kept: WorldState | None = None,
    ) -> None:
        self.clock = clock
        self._reserve_port = reserve_port
        self._book = WorldBook(path, clock, lambda now: kept or _new_state(seed, _drawn(fleet, seed, now)[1], now))
        state = self._book.state
        self._machines, market = _drawn(fleet, state.seed, state.opened_at)
        if state.market != market:
            raise BadFileError("the emulator's world was made by another release of cloudgpu")
        self._changes: tuple[MarketChange, ...] = ()
        self._changed = self._machines
        self._counted, self._holdings = state.instances, holdings_of(state.instances)
        self._book.commit(state)
        self.faults = FaultDesk(self._book, self._machines)
        self.shelf = Shelf(self._book)

    @property
    def state(self) -> WorldState:
        """All that there is to know of it: another world that begins with this is the same one."""
        return self._book.state

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Every machine as it is on offer now: with today's price, and without a size when it has left."""
        now = self.now()
        changes = tuple(change for change in self._book.state.market_changes if change.at <= now)
        if changes != self._changes:
            self._changes, self._changed = changes, changed(self._machines, changes)
        return self._changed

    @property
    def seed(self) -> int:
        """The seed of its market."""
        return self._book.state.seed

    def now(self) -> datetime:
        """The time on the market's clock."""
        return self._book.now()

    def asks(self) -> Iterator[Ask]:
        """Every slice of every machine at this moment, rentable or not."""
        now, taken = self.now(), self._held().taken
        for machine in self.machines:
            yield from asks(machine, taken.get(machine.index, ()), now)

    def ask(self, ask_id: int) -> Ask | None:
        """The slice on offer under this id now; None when it is gone, rented or never was."""
        return next((ask for ask in self.asks() if ask.ask_id == ask_id and ask.rentable), None)

    def machine(self, instance: Instance) -> Machine:
        """The machine an instance is on."""
        return self._machines[instance.machine_index]

    def instances(self) -> tuple[Instance, ...]:
        """The account's instances, oldest first; destroyed ones are not among them."""
        return self._book.instances()

    def all_instances(self) -> tuple[Instance, ...]:
        """Every instance that ever was, for the bill."""
        return self._book.state.instances

    def instance(self, instance_id: int) -> Instance | None:
        """One living instance."""
        return self._book.instance(instance_id)

    def pod(self, pod_id: str) -> Instance | None:
        """One living instance by RunPod's id."""
        return next((i for i in self.instances() if i.pod is not None and i.pod.pod_id == pod_id), None)

    def bill_usd(self) -> Decimal:
        """Everything charged so far."""
        return self._held().bill_usd(self._book.state.opened_at, self.now())

    def credit_usd(self) -> Decimal:
        """Prepaid money left."""
        return self._book.state.credit_usd - self.bill_usd()

    def set_credit(self, usd: Decimal) -> None:
        """Leave so much prepaid money."""
        self._book.commit(replace(self._book.state, credit_usd=usd + self.bill_usd(), broke_at=None))

    def end_without_credit(self) -> None:
        """Do what the provider does when the money is used up, as of the very moment at which it was."""
        if self.credit_usd() > ZERO:
            return
        state, now = self._book.state, self.now()
        broke_at = state.broke_at or used_up_at(state.instances, state.credit_usd, state.opened_at, now)
        if broke_at is None:
            return
        ended = tuple(unpaid(each, broke_at, now) if each.alive else each for each in state.instances)
        if (ended, broke_at) != (state.instances, state.broke_at):
            self._book.commit(replace(state, instances=ended, broke_at=broke_at))

    def free_gpus(self, machine: Machine) -> tuple[int, ...]:
        """The GPUs of a machine that nobody holds."""
        busy = {*machine.rented_elsewhere, *self._held().taken.get(machine.index, ())}
        return tuple(index for index in range(machine.gpu_count) if index not in busy)

    def change_pod(self, instance: Instance, **changes: object) -> None:
        """Change what only a pod has."""
        if instance.pod is not None:
            self._book.put(replace(instance, pod=replace(instance.pod, **changes)))  # type: ignore[arg-type]

    def rent(self, ask: Ask, request: RentRequest) -> Instance:
        """Rent a slice: a new instance, billed from now on. Faults that wait for an instance strike it."""
        now = self.now()
        instance = new_instance(
            ask,
            request,
            now,
            instance_id=self._book.state.next_instance_id,
            pod=None if request.pod is None else replace(request.pod, pod_id=self._pod_id()),
            ports={port: self._reserve_port() for port in request.container_ports},
        )
        if request.start:
            instance = started(instance, launch_of(instance, ask.machine), now)
        else:
            instance = replace(instance, steps=(Step(at=now, stage=Stage.STOPPED),))
        self._book.commit(
            replace(
                self._book.state,
                instances=(*self._book.state.instances, instance),
                next_instance_id=self._book.state.next_instance_id + 1,
            )
        )
        self.faults.strike_new(instance)
        return self.instance(instance.instance_id) or instance

    def destroy(self, instance: Instance, *, billing_tail_s: float = 0.0) -> None:
        """End an instance; its bill stays."""
        now = self.now()
        until = now + timedelta(seconds=billing_tail_s)
        self._book.put(replace(cut(instance, now), destroyed_at=now, billed_until=until if billing_tail_s else None))

    def relabel(self, instance: Instance, label: str | None) -> None:
        """Give an instance another label."""
        self._book.put(replace(instance, label=label))

    def stop(self, instance: Instance) -> None:
        """Stop the container; the disk goes on costing."""
        if step_at(instance, self.now()).stage is not Stage.STOPPED:
            self._book.put(turned(instance, self.now(), Stage.STOPPED, "stopped by user"))

    def start(self, instance: Instance) -> None:
        """Start a stopped container again, with image and weights on its disk; a pod has lost both, and its ports."""
        now = self.now()
        if step_at(instance, now).stage not in _STARTABLE:
            return
        if instance.pod is not None:
            ports = {port: self._reserve_port() for port in instance.ports}
            instance = restarted_pod(replace(instance, ports=ports), instance.ports, now)
        launch = launch_of(instance, self.machine(instance), cached=instance.pod is None)
        self._book.put(started(cut(instance, now), launch, now))

    def queue(self, instance: Instance, seconds: float) -> None:
        """Let a start wait because somebody else has the GPU: it happens so many seconds later, unasked."""
        now = self.now()
        waiting = turned(instance, now, Stage.QUEUED, None)
        launch = launch_of(instance, self.machine(instance), cached=True)
        self._book.put(started(waiting, launch, now + timedelta(seconds=seconds)))

    def change_bid(self, instance: Instance, usd_per_hour: Decimal) -> None:
        """Bid another price from now on: too low a one loses the GPU, a higher one wins a lost GPU back."""
        now, stage = self.now(), step_at(instance, self.now()).stage
        lost_at = gpu_usd_per_hour(instance, now)
        bidding = replace(instance, rates=(*instance.rates, Rate(at=now, gpu_usd_per_hour=usd_per_hour)))
        self._book.put(bidding)
        if usd_per_hour < self.min_bid_usd_per_hour(instance):
            self._book.put(turned(bidding, now, Stage.OUTBID, "success, running"))
        elif stage is Stage.OUTBID and usd_per_hour > lost_at:
            self.start(bidding)

    def min_bid_usd_per_hour(self, instance: Instance) -> Decimal:
        """The least that its GPUs can be had for as an interruptible instance, all of them together."""
        machine = self.machine(instance)
        return machine.gpu_usd_per_hour * len(instance.gpu_indexes) * machine.min_bid_share

    def answer_proposal(self, instance: Instance, *, accept: bool) -> None:
        """Take the host's new price, or turn it down; the proposal is gone either way."""
        proposal = instance.proposal
        answered = replace(instance, proposal=None)
        self._book.put(extended(answered, proposal) if accept and proposal is not None else answered)

    def traffic(self, instance: Instance, size_gb: Decimal, seconds: float, *, outward: bool) -> None:
        """Let so much flow into an instance, or out of it, evenly over the coming seconds."""
        now = self.now()
        flow = Transfer(start=now, end=now + timedelta(seconds=seconds), size_gb=size_gb, outward=outward)
        self._book.put(replace(instance, transfers=(*instance.transfers, flow)))

    def take(self, ask: Ask) -> None:
        """Let somebody else have a slice: it is gone for everybody."""
        change = MarketChange(at=self.now(), machine_id=ask.machine.machine_id, gpu_indexes=ask.gpu_indexes)
        self._book.change_market(change)

    def note_time(self) -> None:
        """Write the present time down, so that a killed world never wakes up earlier than it was."""
        self._book.commit(self._book.state)

    def move_port(self, instance: Instance, container_port: int, port: int) -> None:
        """Reach a container port at another loopback port (after a restart the old one may be taken)."""
        self._book.put(replace(instance, ports={**instance.ports, container_port: port}))

    def _held(self) -> Holdings:
        instances = self._book.state.instances
        if instances is not self._counted:
            self._counted, self._holdings = instances, holdings_of(instances)
        return self._holdings

    def _pod_id(self) -> str:
        """Fourteen small letters and digits, as RunPod's are."""
        state = self._book.state
        digest = sha256(f"{state.seed}:{state.next_instance_id}:{state.opened_at}".encode()).digest()
        return b32encode(digest).decode().lower()[:14]


@lru_cache(maxsize=32)
def _drawn(fleet: Fleet, seed: int, opened_at: datetime) -> tuple[tuple[Machine, ...], str]:
    """The machines of a market and their fingerprint; kept, for a world may be begun again and again."""
    machines = fleet(seed, opened_at)
    return machines, fingerprint(machines)


_STARTABLE = (Stage.STOPPED, Stage.OUTBID, Stage.QUEUED, Stage.EXITED, Stage.PULL_FAILED)


def _new_state(seed: int, market: str, now: datetime) -> WorldState:
    return WorldState(
        seed=seed,
        market=market,
        opened_at=now,
        saved_at=now,
        credit_usd=FIRST_CREDIT_USD,
        account_id=100_000 + int(sha256(f"{seed}:{now}".encode()).hexdigest(), 16) % 900_000,
        next_instance_id=_FIRST_INSTANCE_ID,
    )
