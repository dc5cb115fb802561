"""What somebody rented, as a market bills it: the truth that a journal or a listing is compared with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.instances.billing import bill_usd
from cloudgpu.emulator.instances.instance import Instance, Stage, gpu_usd_per_hour, id_of, market_of, step_at
from cloudgpu.emulator.instances.terms import disk_usd_per_hour, gpu_billed
from cloudgpu.emulator.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Rented:
    """One instance or pod. `alive` means that it still exists, whatever it costs at the moment.

    `usd_per_hour` is what it costs now, `usd` what it has cost so far; `stage` is its place in life here.
    """

    provider: str
    instance_id: str
    label: str | None
    alive: bool
    stage: str
    created_at: datetime
    usd_per_hour: Decimal
    usd: Decimal


def rented(world: World) -> Iterator[Rented]:
    """Everything that was ever rented in a market, oldest first: one entry for each create that took effect."""
    now = world.now()
    return (_rented(instance, now) for instance in world.all_instances())


def hourly_usd(instance: Instance, now: datetime) -> Decimal:
    """What it costs an hour at this moment, GPU and disk."""
    stage = step_at(instance, now).stage
    gpu_usd = gpu_usd_per_hour(instance, now) if gpu_billed(instance, stage) else ZERO
    return gpu_usd + disk_usd_per_hour(instance, stage)


def _rented(instance: Instance, now: datetime) -> Rented:
    stage = step_at(instance, now).stage
    alive = instance.alive and stage is not Stage.TERMINATED
    return Rented(
        provider=market_of(instance),
        instance_id=str(id_of(instance)),
        label=instance.label,
        alive=alive,
        stage=str(stage),
        created_at=instance.created_at,
        usd_per_hour=hourly_usd(instance, now) if alive else ZERO,
        usd=bill_usd(instance, instance.created_at, now),
    )
