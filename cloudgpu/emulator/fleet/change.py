"""How a market moves under those who watch it: prices for new rentals, machines that leave, GPUs that others take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from cloudgpu.emulator.fleet.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketChange:
    """From `at` on. `machine_id` None means every machine; `factor` None takes it off the market altogether.

    `gpu_indexes` are GPUs that somebody else holds from then on; with them nothing else changes.
    """

    at: datetime
    machine_id: int | None
    factor: Decimal | None = None
    gpu_indexes: tuple[int, ...] = ()


def changed(machines: Sequence[Machine], changes: Sequence[MarketChange]) -> tuple[Machine, ...]:
    """The machines, each at its place, after these changes in their order."""
    found = tuple(machines)
    for change in changes:
        found = tuple(_after(change, machine) for machine in found)
    return found


def _after(change: MarketChange, machine: Machine) -> Machine:
    if change.machine_id not in (None, machine.machine_id):
        return machine
    if change.gpu_indexes:
        return replace(machine, rented_elsewhere=tuple(sorted({*machine.rented_elsewhere, *change.gpu_indexes})))
    if change.factor is None:
        return replace(machine, sizes=())
    return replace(machine, gpu_usd_per_hour=machine.gpu_usd_per_hour * change.factor)
