"""The emulated market and its one account: what is rented, what can be, and what each act changes.

One thread owns it. Every change is on disk before the caller hears of it, unless it is kept in memory alone.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import BadFileError
from cloudgpu.base.money import ZERO
from cloudgpu.emulator.billing import bill_usd
from cloudgpu.emulator.engine_command import EngineCommand, read_command
from cloudgpu.emulator.engine_start import EngineStart, Place, decode_tokens_per_s, engine_start
from cloudgpu.emulator.faults import Fault
from cloudgpu.emulator.fit import Card, fit, min_cuda
from cloudgpu.emulator.instance import Instance, Pod, Rate, Stage, Step, step_at
from cloudgpu.emulator.lifecycle import Launch, cut, started, turned
from cloudgpu.emulator.machine import Ask, Machine, asks
from cloudgpu.emulator.market import fingerprint, make_machines
from cloudgpu.emulator.mishaps import mishap
from cloudgpu.emulator.offer_row import storage_usd_per_hour
from cloudgpu.emulator.world_file import WorldState, load_world, save_world

FIRST_CREDIT_USD = Decimal(1000)
_FIRST_INSTANCE_ID = 33_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RentRequest:
    """What a create asks for. `bid_usd_per_hour` None means on demand; `start` False leaves it stopped."""

    image: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    onstart: str | None
    runtype: str
    disk_gb: Decimal
    label: str | None
    container_ports: tuple[int, ...]
    bid_usd_per_hour: Decimal | None = None
    start: bool = True
    pod: Pod | None = None


Fleet = Callable[[int, datetime], tuple[Machine, ...]]
"""The machines of a market, from its seed and the time it opened."""


class World:
    """Opens the saved world at `path`, or begins one with `seed`; without a path it is kept in memory alone.

    `reserve_port` finds a free loopback port.

    One world is one market with one account: Vast.ai's, or with another `fleet` RunPod's.

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
    ) -> None:
        self.clock = clock
        self._path = path
        self._reserve_port = reserve_port
        saved = None if path is None else load_world(path)
        opened_at = clock.now() if saved is None else saved.opened_at
        self.machines, market = _drawn(fleet, seed if saved is None else saved.seed, opened_at)
        if saved is not None and saved.market != market:
            raise BadFileError("the emulator's world was made by another release of cloudgpu")
        self._state = saved or _new_state(seed, market, opened_at)
        self._commit(self._state)

    @property
    def seed(self) -> int:
        """The seed of its market."""
        return self._state.seed

    def now(self) -> datetime:
        """The time on the market's clock."""
        return self.clock.now()

    def asks(self) -> Iterator[Ask]:
        """Every slice of every machine at this moment, rentable or not."""
        now, taken = self.now(), self._taken()
        for machine in self.machines:
            yield from asks(machine, taken.get(machine.index, ()), now)

    def ask(self, ask_id: int) -> Ask | None:
        """The slice on offer under this id now; None when it is gone, rented or never was."""
        return next((ask for ask in self.asks() if ask.ask_id == ask_id and ask.rentable), None)

    def machine(self, instance: Instance) -> Machine:
        """The machine an instance is on."""
        return self.machines[instance.machine_index]

    def instances(self) -> tuple[Instance, ...]:
        """The account's instances, oldest first; destroyed ones are not among them."""
        return tuple(instance for instance in self._state.instances if instance.alive)

    def all_instances(self) -> tuple[Instance, ...]:
        """Every instance that ever was, for the bill."""
        return self._state.instances

    def instance(self, instance_id: int) -> Instance | None:
        """One living instance."""
        return next((i for i in self.instances() if i.instance_id == instance_id), None)

    def pod(self, pod_id: str) -> Instance | None:
        """One living instance by RunPod's id."""
        return next((i for i in self.instances() if i.pod is not None and i.pod.pod_id == pod_id), None)

    def bill_usd(self) -> Decimal:
        """Everything charged so far."""
        now, opened = self.now(), self._state.opened_at
        return sum((bill_usd(instance, opened, now) for instance in self._state.instances), ZERO)

    def credit_usd(self) -> Decimal:
        """Prepaid money left."""
        return self._state.credit_usd - self.bill_usd()

    def set_credit(self, usd: Decimal) -> None:
        """Leave so much prepaid money."""
        self._commit(replace(self._state, credit_usd=usd + self.bill_usd()))

    def end_without_credit(self) -> None:
        """Remove every pod when the money is used up: RunPod keeps none that has no network volume."""
        if self.credit_usd() > ZERO:
            return
        for instance in self.instances():
            if step_at(instance, self.now()).stage is not Stage.TERMINATED:
                self._replace(turned(instance, self.now(), Stage.TERMINATED, "out of credit"))

    def free_gpus(self, machine: Machine) -> tuple[int, ...]:
        """The GPUs of a machine that nobody holds."""
        busy = {*machine.rented_elsewhere, *self._taken().get(machine.index, ())}
        return tuple(index for index in range(machine.gpu_count) if index not in busy)

    def change_pod(self, instance: Instance, **changes: object) -> None:
        """Change what only a pod has."""
        if instance.pod is not None:
            self._replace(replace(instance, pod=replace(instance.pod, **changes)))  # type: ignore[arg-type]

    def rent(self, ask: Ask, request: RentRequest) -> Instance:
        """Rent a slice: a new instance, billed from now on. Faults that wait for an instance strike it."""
        now = self.now()
        instance = self._new_instance(ask, request, now)
        if request.start:
            instance = started(instance, self._launch(instance, ask.machine), now)
        else:
            instance = replace(instance, steps=(Step(at=now, stage=Stage.STOPPED),))
        self._commit(
            replace(
                self._state,
                instances=(*self._state.instances, instance),
                next_instance_id=self._state.next_instance_id + 1,
            )
        )
        for fault in self._waiting_for(instance):
            self._replace(mishap(instance, fault, now))
        return self.instance(instance.instance_id) or instance

    def destroy(self, instance: Instance, *, billing_tail_s: float = 0.0) -> None:
        """End an instance; its bill stays."""
        now = self.now()
        until = now + timedelta(seconds=billing_tail_s)
        self._replace(replace(cut(instance, now), destroyed_at=now, billed_until=until if billing_tail_s else None))

    def relabel(self, instance: Instance, label: str | None) -> None:
        """Give an instance another label."""
        self._replace(replace(instance, label=label))

    def stop(self, instance: Instance) -> None:
        """Stop the container; the disk goes on costing."""
        if step_at(instance, self.now()).stage is not Stage.STOPPED:
            self._replace(turned(instance, self.now(), Stage.STOPPED, "stopped by user"))

    def start(self, instance: Instance) -> None:
        """Start a stopped container again, with image and weights on its disk; a pod has lost both, and its ports."""
        now = self.now()
        if step_at(instance, now).stage not in _STARTABLE:
            return
        launch = self._launch(instance, self.machine(instance), cached=instance.pod is None)
        if instance.pod is not None:
            instance = replace(instance, ports={port: self._reserve_port() for port in instance.ports})
        self._replace(started(cut(instance, now), launch, now))

    def queue(self, instance: Instance) -> None:
        """Note a start that has to wait because somebody else has the GPU."""
        self._replace(turned(instance, self.now(), Stage.QUEUED, None))

    def add_fault(self, make: Callable[[int], Fault]) -> Fault:
        """Remember a fault script, or let it strike at once when it names an instance."""
        fault = make(self._state.next_fault_id)
        self._commit(replace(self._state, next_fault_id=fault.fault_id + 1))
        named = self._named(fault) if fault.on == "instance" else None
        if named is not None:
            self._replace(mishap(named, fault, self.now()))
        else:
            self._commit(replace(self._state, faults=(*self._state.faults, fault)))
        return fault

    def clear_faults(self) -> None:
        """Forget every script that has not struck yet."""
        self._commit(replace(self._state, faults=()))

    def faults(self) -> tuple[Fault, ...]:
        """Scripts that have not struck yet."""
        return self._state.faults

    def take_fault(self, call: str) -> Fault | None:
        """The fault that strikes this call, used up by one; None for nearly every call."""
        for fault in self._state.faults:
            if fault.on in (call, "any"):
                if fault.skip > 0:
                    self._rewrite(fault, replace(fault, skip=fault.skip - 1))
                    continue
                self._use_up(fault)
                return fault
        return None

    def note_time(self) -> None:
        """Write the present time down, so that a killed world never wakes up earlier than it was."""
        self._commit(self._state)

    def move_port(self, instance: Instance, container_port: int, port: int) -> None:
        """Reach a container port at another loopback port (after a restart the old one may be taken)."""
        self._replace(replace(instance, ports={**instance.ports, container_port: port}))

    def _taken(self) -> dict[int, set[int]]:
        taken: dict[int, set[int]] = {}
        for instance in self.instances():
            taken.setdefault(instance.machine_index, set()).update(instance.gpu_indexes)
        return taken

    def _new_instance(self, ask: Ask, request: RentRequest, now: datetime) -> Instance:
        machine = ask.machine
        price = request.bid_usd_per_hour if request.bid_usd_per_hour is not None else ask.gpu_usd_per_hour
        command = read_command(
            request.image, request.args, request.onstart, request.env, entrypoint_kept=request.runtype == "args"
        )
        return Instance(
            instance_id=self._state.next_instance_id,
            ask_id=ask.ask_id,
            machine_index=machine.index,
            gpu_indexes=ask.gpu_indexes,
            label=request.label,
            image=request.image,
            args=request.args,
            env=dict(request.env),
            onstart=request.onstart,
            runtype=request.runtype,
            command=command,
            disk_gb=request.disk_gb,
            is_bid=request.bid_usd_per_hour is not None,
            ports={port: self._reserve_port() for port in request.container_ports},
            api_key=secrets.token_hex(32),
            created_at=now,
            ends_at=machine.ends(now),
            disk_usd_per_hour=storage_usd_per_hour(machine, request.disk_gb),
            download_usd_per_gb=machine.download_usd_per_gb,
            rates=(Rate(at=now, gpu_usd_per_hour=price),),
            steps=(),
            decode_tokens_per_s=self._decode_speed(command, machine, len(ask.gpu_indexes)),
            pod=None if request.pod is None else replace(request.pod, pod_id=self._pod_id()),
        )

    def _pod_id(self) -> str:
        """Fourteen small letters and digits, as RunPod's are."""
        digest = sha256(f"{self.seed}:{self._state.next_instance_id}:{self._state.opened_at}".encode()).digest()
        return b32encode(digest).decode().lower()[:14]

    def _decode_speed(self, command: EngineCommand | None, machine: Machine, gpu_count: int) -> float:
        if command is None:
            return 50.0
        found = fit(command, card(machine, gpu_count))
        return decode_tokens_per_s(found, machine.gpu.memory_bandwidth_gb_per_s, command.tensor_parallel)

    def _launch(self, instance: Instance, machine: Machine, *, cached: bool = False) -> Launch:
        return Launch(
            engine=self._engine_start(instance, machine, cached=cached),
            download_mbps=machine.download_mbps,
            image_cached=cached,
            driver_error=self._driver_error(instance, machine),
        )

    @staticmethod
    def _driver_error(instance: Instance, machine: Machine) -> str | None:
        if instance.command is None:
            return None
        major, minor = min_cuda(instance.command.version)
        if machine.cuda_max >= float(f"{major}.{minor}"):
            return None
        return f"unsatisfied condition: cuda>={major}.{minor}, please update your driver to a newer version"

    def _engine_start(self, instance: Instance, machine: Machine, *, cached: bool) -> EngineStart | None:
        if instance.command is None:
            return None
        place = Place(
            download_mbps=machine.download_mbps,
            disk_mb_per_s=machine.disk_mb_per_s,
            disk_gb=float(instance.disk_gb),
            cached=cached,
        )
        return engine_start(instance.command, fit(instance.command, card(machine, len(instance.gpu_indexes))), place)

    def _named(self, fault: Fault) -> Instance | None:
        for instance in self.instances():
            if fault.instance_id == instance.instance_id or (fault.label is not None and fault.label == instance.label):
                return instance
        return None

    def _waiting_for(self, instance: Instance) -> Iterator[Fault]:
        for fault in self._state.faults:
            if fault.on == "instance" and fault.instance_id is None and fault.label in (None, instance.label):
                if fault.skip > 0:
                    self._rewrite(fault, replace(fault, skip=fault.skip - 1))
                    continue
                self._use_up(fault)
                yield fault

    def _use_up(self, fault: Fault) -> None:
        if fault.times is not None:
            self._rewrite(fault, replace(fault, times=fault.times - 1) if fault.times > 1 else None)

    def _rewrite(self, old: Fault, new: Fault | None) -> None:
        faults = (new if fault.fault_id == old.fault_id else fault for fault in self._state.faults)
        self._commit(replace(self._state, faults=tuple(fault for fault in faults if fault is not None)))

    def _replace(self, changed: Instance) -> None:
        instances = tuple(changed if i.instance_id == changed.instance_id else i for i in self._state.instances)
        self._commit(replace(self._state, instances=instances))

    def _commit(self, state: WorldState) -> None:
        self._state = replace(state, saved_at=self.now())
        if self._path is not None:
            save_world(self._state, self._path)


@lru_cache(maxsize=8)
def _drawn(fleet: Fleet, seed: int, opened_at: datetime) -> tuple[tuple[Machine, ...], str]:
    """The machines of a market and their fingerprint; kept, for a world may be begun again and again."""
    machines = fleet(seed, opened_at)
    return machines, fingerprint(machines)


_STARTABLE = (Stage.STOPPED, Stage.OUTBID, Stage.QUEUED, Stage.EXITED, Stage.PULL_FAILED)


def card(machine: Machine, gpu_count: int) -> Card:
    """So many GPUs of a machine, as the engine finds them."""
    return Card(gpu_name=machine.gpu.gpu_name, gpu_ram_mib=machine.gpu.gpu_ram_mib, count=gpu_count)


def _new_state(seed: int, market: str, now: datetime) -> WorldState:
    return WorldState(
        seed=seed,
        market=market,
        opened_at=now,
        saved_at=now,
        credit_usd=FIRST_CREDIT_USD,
        next_instance_id=_FIRST_INSTANCE_ID,
    )
