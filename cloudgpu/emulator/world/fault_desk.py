"""Where faults wait until they strike: a call, an instance, an engine's answer or the market."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from cloudgpu.emulator.faults.fault import Fault, first_that_strikes
from cloudgpu.emulator.faults.mishaps import mishap, moment_of
from cloudgpu.emulator.fleet.change import MarketChange
from cloudgpu.emulator.fleet.machine import Machine
from cloudgpu.emulator.instances.instance import Instance, id_of
from cloudgpu.emulator.instances.lifecycle import started
from cloudgpu.emulator.instances.rental import launch_of
from cloudgpu.emulator.world.book import WorldBook

_STANDING = "rate_limits"


class FaultDesk:
    """The faults of one world, on these machines."""

    def __init__(self, book: WorldBook, machines: Sequence[Machine]) -> None:
        self._book, self._machines = book, machines

    def add(self, wanted: Fault) -> Fault:
        """Remember a fault, or let it strike at once when it names an instance that is there, or moves the market."""
        state = self._book.state
        fault = replace(wanted, fault_id=state.next_fault_id)
        self._book.commit(replace(state, next_fault_id=fault.fault_id + 1))
        named = self._named(fault) if fault.on == "instance" else None
        if fault.on == "market":
            self._move_market(fault)
        elif named is not None:
            self._strike(named.instance_id, fault)
        else:
            self._book.commit(replace(self._book.state, faults=(*self._book.state.faults, fault)))
        return fault

    def clear(self) -> None:
        """Forget every script that has not struck yet."""
        self._book.commit(replace(self._book.state, faults=()))

    def waiting(self) -> tuple[Fault, ...]:
        """Scripts that have not struck yet."""
        return self._book.state.faults

    def take(self, call: str) -> Fault | None:
        """The fault that strikes this call, used up by one; None for nearly every call."""
        return self._first_that_strikes(
            fault for fault in self.waiting() if fault.on in (call, "any") and fault.do != _STANDING
        )

    def take_engine(self, place: str, instance: Instance) -> Fault | None:
        """The fault that strikes an answer ("engine") or a health check ("health") of this instance's server."""
        means = (fault for fault in self.waiting() if fault.on == place and _means(fault, instance))
        return self._first_that_strikes(means)

    def strike_new(self, instance: Instance) -> None:
        """Let whatever waits for an instance strike this one, which was just rented."""
        for fault in self._waiting_for(instance):
            self._strike(instance.instance_id, fault)

    def limits_enforced(self) -> bool:
        """Whether calls that come too often are refused."""
        return any(fault.do == _STANDING for fault in self.waiting())

    def _named(self, fault: Fault) -> Instance | None:
        if fault.instance_id is None and fault.label is None:
            return None
        return next((each for each in self._book.instances() if _means(fault, each)), None)

    def _waiting_for(self, instance: Instance) -> Iterator[Fault]:
        for fault in self.waiting():
            own = fault.on == "instance" and fault.instance_id is None
            if own and _means(fault, instance) and self._first_that_strikes([fault]) is not None:
                yield fault

    def _first_that_strikes(self, matching: Iterable[Fault]) -> Fault | None:
        state = self._book.state
        struck, left = first_that_strikes(state.faults, matching, state.seed)
        if left != state.faults:
            self._book.commit(replace(state, faults=left))
        return struck

    def _strike(self, instance_id: int, fault: Fault) -> None:
        """An instance's life takes another turn; one that is outbid for a while starts again by itself."""
        instance, now = self._book.instance(instance_id), self._book.now()
        if instance is None:
            return
        struck = mishap(instance, fault, now)
        if fault.do == "outbid" and fault.for_s is not None:
            again_at = moment_of(instance, fault, now) + timedelta(seconds=fault.for_s)
            struck = started(struck, launch_of(struck, self._machines[struck.machine_index], cached=True), again_at)
        self._book.put(struck)

    def _move_market(self, fault: Fault) -> None:
        at = self._book.now() + timedelta(seconds=fault.after_s or 0)
        factor = fault.factor if fault.do == "price_rise" else None
        self._book.change_market(MarketChange(at=at, machine_id=fault.machine_id, factor=factor))


def _means(fault: Fault, instance: Instance) -> bool:
    """Whether it is for this instance: by its id, by its label or a name within it, or because it is for any."""
    if fault.instance_id is not None and fault.instance_id != str(id_of(instance)):
        return False
    return fault.label is None or f"-{fault.label}-" in f"-{instance.label or ''}-"
