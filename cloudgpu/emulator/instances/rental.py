"""A rental as it is agreed: what a create asks for, and the instance that comes of it. Pure but for its secret key."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.emulator.engine.command import EngineCommand, read_command
from cloudgpu.emulator.engine.fit import Card, fit, min_cuda
from cloudgpu.emulator.engine.start import EngineStart, Place, decode_tokens_per_s, engine_start
from cloudgpu.emulator.fleet.machine import Ask, Machine
from cloudgpu.emulator.fleet.offer_row import storage_usd_per_hour
from cloudgpu.emulator.instances.instance import Instance, Pod, Rate
from cloudgpu.emulator.instances.lifecycle import Launch


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


def new_instance(
    ask: Ask, request: RentRequest, now: datetime, *, instance_id: int, pod: Pod | None, ports: Mapping[int, int]
) -> Instance:
    """The contract at its first moment, before anything has started. `ports` maps container ports to loopback ones."""
    machine = ask.machine
    price = request.bid_usd_per_hour if request.bid_usd_per_hour is not None else ask.gpu_usd_per_hour
    command = read_command(
        request.image, request.args, request.onstart, request.env, entrypoint_kept=request.runtype == "args"
    )
    return Instance(
        instance_id=instance_id,
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
        ports=dict(ports),
        api_key=secrets.token_hex(32),
        created_at=now,
        ends_at=machine.ends(now),
        disk_usd_per_hour=storage_usd_per_hour(machine, request.disk_gb),
        download_usd_per_gb=machine.download_usd_per_gb,
        upload_usd_per_gb=machine.upload_usd_per_gb,
        rates=(Rate(at=now, gpu_usd_per_hour=price),),
        steps=(),
        decode_tokens_per_s=_decode_speed(command, machine, len(ask.gpu_indexes)),
        pod=pod,
    )


def launch_of(instance: Instance, machine: Machine, *, cached: bool = False) -> Launch:
    """How its container will start; `cached` when image and weights lie on its disk."""
    return Launch(
        engine=_engine_start(instance, machine, cached=cached),
        download_mbps=machine.download_mbps,
        image_cached=cached,
        driver_error=_driver_error(instance, machine),
    )


def card(machine: Machine, gpu_count: int) -> Card:
    """So many GPUs of a machine, as the engine finds them."""
    return Card(gpu_name=machine.gpu.gpu_name, gpu_ram_mib=machine.gpu.gpu_ram_mib, count=gpu_count)


def _decode_speed(command: EngineCommand | None, machine: Machine, gpu_count: int) -> float:
    if command is None:
        return 50.0
    found = fit(command, card(machine, gpu_count))
    return decode_tokens_per_s(found, machine.gpu.memory_bandwidth_gb_per_s, command.tensor_parallel)


def _driver_error(instance: Instance, machine: Machine) -> str | None:
    if instance.command is None:
        return None
    major, minor = min_cuda(instance.command.version)
    if machine.cuda_max >= float(f"{major}.{minor}"):
        return None
    return f"unsatisfied condition: cuda>={major}.{minor}, please update your driver to a newer version"


def _engine_start(instance: Instance, machine: Machine, *, cached: bool) -> EngineStart | None:
    if instance.command is None:
        return None
    place = Place(
        download_mbps=machine.download_mbps,
        disk_mb_per_s=machine.disk_mb_per_s,
        disk_gb=float(instance.disk_gb),
        cached=cached,
    )
    return engine_start(instance.command, fit(instance.command, card(machine, len(instance.gpu_indexes))), place)
