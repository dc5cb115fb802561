"""An instance as Vast shows it: contract side and container side, prices, ports as docker maps them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.money import ZERO
from cloudgpu.base.units import gb_from_bytes
from cloudgpu.emulator.fleet.machine import Machine
from cloudgpu.emulator.fleet.offer_row import Row, hardware
from cloudgpu.emulator.instances.billing import moved_bytes
from cloudgpu.emulator.instances.instance import Instance, Stage, Step, gpu_usd_per_hour, step_at, steps_of
from cloudgpu.emulator.instances.terms import disk_usd_per_hour, gpu_billed

STORED_COLUMNS = frozenset({
    "id", "label", "machine_id", "host_id", "actual_status", "cur_state", "intended_status", "gpu_name", "verification",
    "image_uuid", "is_bid", "start_date", "end_date", "geolocation", "status_msg",
})  # fmt: skip
"""Columns that the list can filter and sort by; computed ones (prices, num_gpus) are refused."""

_SHOWN: dict[Stage, tuple[str | None, str, str, str]] = {
    Stage.SCHEDULED: (None, "running", "running", "running"),
    Stage.CREATED: ("created", "running", "running", "running"),
    Stage.LOADING: ("loading", "running", "running", "running"),
    Stage.PULL_FAILED: ("loading", "stopped", "running", "stopped"),
    Stage.RUNNING: ("running", "running", "running", "running"),
    Stage.SERVING: ("running", "running", "running", "running"),
    Stage.EXITED: ("exited", "running", "running", "running"),
    Stage.STOPPED: ("exited", "stopped", "stopped", "stopped"),
    Stage.QUEUED: ("exited", "running", "stopped", "running"),
    Stage.OUTBID: ("exited", "stopped", "stopped", "stopped"),
    Stage.OFFLINE: ("offline", "running", "running", "running"),
    Stage.UNKNOWN: ("unknown", "running", "running", "running"),
}
"""actual_status, intended_status, cur_state, next_state."""

_UP = frozenset({Stage.RUNNING, Stage.SERVING})


def instance_row(instance: Instance, machine: Machine, now: datetime) -> Row:
    """The row at `now`. Environment and onstart stand in it in clear, as on the real thing."""
    step = step_at(instance, now)
    actual, intended, current, following = _SHOWN[step.stage]
    return {
        **hardware(machine, len(instance.gpu_indexes)),
        **_contract(instance, machine),
        **_prices(instance, step.stage, now),
        **_container(instance, step, now),
        "actual_status": actual,
        "intended_status": intended,
        "cur_state": current,
        "next_state": following,
        "status_msg": step.message,
        "time_remaining": "",
        "duration": instance.ends_at.timestamp() - now.timestamp(),
        "is_bid": instance.is_bid,
    }


def _contract(instance: Instance, machine: Machine) -> Row:
    gpu_count = len(instance.gpu_indexes)
    return {
        "id": instance.instance_id,
        "label": instance.label,
        "bundle_id": machine.machine_id * 31 + gpu_count,
        "gpu_totalram": machine.gpu.gpu_ram_mib * gpu_count,
        "image_uuid": instance.image,
        "image_args": list(instance.args),
        "image_runtype": instance.runtype,
        "onstart": instance.onstart,
        "extra_env": [[name, value] for name, value in instance.env.items()],
        "start_date": instance.created_at.timestamp(),
        "end_date": instance.ends_at.timestamp(),
        "disk_space": float(instance.disk_gb),
        "template_id": None,
        "template_hash_id": None,
        "template_name": None,
        "volume_info": None,
        "webpage": None,
        "logo": "/static/logos/vastai_small2.png",
    }


def _container(instance: Instance, step: Step, now: datetime) -> Row:
    up = step.stage in _UP
    ports = {f"{inside}/tcp": _mapping(outside) for inside, outside in instance.ports.items()} if up else {}
    outside = sorted(instance.ports.values())
    return {
        "public_ipaddr": "127.0.0.1" if step.stage is not Stage.SCHEDULED else None,
        "local_ipaddrs": "127.0.0.1 \n" if up else None,
        "ports": ports,
        "direct_port_start": outside[0] if up and outside else -1,
        "direct_port_end": outside[-1] if up and outside else -1,
        "direct_port_count": len(outside),
        "ssh_host": "ssh4.emulator.invalid",
        "ssh_idx": "4",
        "ssh_port": 10_000 + instance.instance_id % 30_000,
        "machine_dir_ssh_port": 22,
        "jupyter_token": instance.api_key[:16],
        "uptime_mins": _uptime_s(instance, now) / 60 if up else None,
        "gpu_util": (35.0 if step.stage is Stage.SERVING else 0.0) if up else None,
        "gpu_temp": 58.0 if up else None,
        "cpu_util": 3.2 if up else 0.0,
        "mem_usage": 9.4 if up else None,
        "mem_limit": 62.0 if up else None,
        "vmem_usage": None,
        "disk_usage": _on_disk_gb(instance, now) if up else -1,
        "disk_util": 0.4 if up else -1,
    }


def _on_disk_gb(instance: Instance, now: datetime) -> float:
    """All that came in so far: image and weights."""
    return min(float(instance.disk_gb), gb_from_bytes(moved_bytes(instance, now, outward=False)))


def _mapping(port: int) -> list[dict[str, str]]:
    return [{"HostIp": "0.0.0.0", "HostPort": str(port)}, {"HostIp": "::", "HostPort": str(port)}]


def _uptime_s(instance: Instance, now: datetime) -> float:
    since = now
    for step in reversed([step for step in steps_of(instance) if step.at <= now]):
        if step.stage not in _UP:
            break
        since = step.at
    return (now - since).total_seconds()


def _prices(instance: Instance, stage: Stage, now: datetime) -> Row:
    gpu_usd, disk_usd = gpu_usd_per_hour(instance, now), instance.disk_usd_per_hour
    return {
        "dph_base": gpu_usd,
        "dph_total": gpu_usd + disk_usd,
        "storage_total_cost": disk_usd,
        "min_bid": gpu_usd,
        "credit_balance": None,
        "credit_discount": None,
        "credit_discount_max": 0.0,
        "search": _block(gpu_usd, disk_usd),
        "instance": _block(gpu_usd if gpu_billed(instance, stage) else ZERO, disk_usd_per_hour(instance, stage)),
    }


def _block(gpu_usd: Decimal, disk_usd: Decimal) -> dict[str, Any]:
    return {
        "gpuCostPerHour": gpu_usd,
        "diskHour": disk_usd,
        "totalHour": gpu_usd + disk_usd,
        "discountTotalHour": 0,
        "discountedTotalPerHour": gpu_usd + disk_usd,
    }
