"""A pod as REST v2 shows it. The environment stands in it in clear, as on the real thing."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import ZERO
from cloudgpu.emulator.fleet.machine import Machine
from cloudgpu.emulator.instances.instance import Instance, Pod, Stage, gpu_usd_per_hour, step_at
from cloudgpu.emulator.instances.terms import disk_usd_per_hour

Row = dict[str, Any]

_STATUS = {
    Stage.SCHEDULED: "PROVISIONING",
    Stage.CREATED: "PROVISIONING",
    Stage.LOADING: "STARTING",
    Stage.PULL_FAILED: "ERROR",
    Stage.RUNNING: "RUNNING",
    Stage.SERVING: "RUNNING",
    Stage.EXITED: "RUNNING",
    Stage.STOPPED: "EXITED",
    Stage.QUEUED: "EXITED",
    Stage.OUTBID: "EXITED",
    Stage.OFFLINE: "RUNNING",
    Stage.UNKNOWN: "RUNNING",
    Stage.TERMINATED: "TERMINATED",
}
"""EXITED as a stage is a container whose command ended: RunPod starts it again and again, and calls it RUNNING."""

_ACTIONS = {
    "RUNNING": ["stop", "restart", "terminate"],
    "EXITED": ["start", "terminate"],
    "ERROR": ["start", "terminate"],
    "PROVISIONING": ["stop", "terminate"],
    "STARTING": ["stop", "terminate"],
    "TERMINATED": [],
}


def status_of(instance: Instance, now: datetime) -> str:
    """The one word that v2 has for it."""
    return _STATUS[step_at(instance, now).stage]


def actions_of(instance: Instance, now: datetime) -> list[str]:
    """What may be done to it in its status."""
    return list(_ACTIONS[status_of(instance, now)])


def cost_of(instance: Instance, now: datetime) -> Decimal:
    """US dollars an hour for GPU and disk now; 0 when it is stopped, which hides what its volume costs."""
    stage = step_at(instance, now).stage
    if _STATUS[stage] in ("EXITED", "TERMINATED") or stage is Stage.OFFLINE:
        return ZERO
    return gpu_usd_per_hour(instance, now) + disk_usd_per_hour(instance, stage)


def pod_row(instance: Instance, machine: Machine, now: datetime) -> Row:
    """The row at `now`."""
    pod = instance.pod
    assert pod is not None
    status = status_of(instance, now)
    return {
        "id": pod.pod_id,
        "name": instance.label,
        "status": status,
        "actions": actions_of(instance, now),
        "image": instance.image,
        "args": pod.args or "",
        "entrypoint": list(pod.entrypoint),
        "cmd": list(pod.cmd),
        "disk": int(instance.disk_gb),
        "ports": list(pod.ports),
        "env": {**instance.env},
        "registry": None,
        "mounts": _mounts(pod),
        "gpu": _gpu(instance, machine, pod),
        "cloud": pod.cloud,
        "dataCenterId": machine.geolocation,
        "cudaVersion": f"{machine.cuda_max:.1f}",
        "ssh": {"proxy": None, "direct": None},
        "template": None,
        "cost": cost_of(instance, now),
        "locked": pod.locked,
        "globalNetworking": {"enabled": False},
        "runtime": _runtime(instance, pod, now) if status == "RUNNING" else None,
        "createdAt": utc_text(instance.created_at),
        "startedAt": utc_text(instance.created_at),
        **({"cluster": {"id": pod.cluster, "rank": pod.cluster_rank}} if pod.cluster else {}),
    }


def _mounts(pod: Pod) -> Row:
    if pod.network_volume is not None:
        return {"network": [{"volumeId": pod.network_volume, "path": pod.volume_path}]}
    return {"persistent": {"size": int(pod.volume_gb), "path": pod.volume_path}} if pod.volume_gb else {}


def _gpu(instance: Instance, machine: Machine, pod: Pod) -> Row:
    count = 0 if pod.without_gpus else len(instance.gpu_indexes)
    share = count / machine.gpu_count
    memory_gb = round(machine.ram_mb * share / 1000)
    return {"id": pod.gpu_type, "count": count, "vcpuCount": int((machine.cpu_cores or 0) * share), "memory": memory_gb}


def _runtime(instance: Instance, pod: Pod, now: datetime) -> Row | None:
    stage = step_at(instance, now).stage
    if stage is Stage.OFFLINE:
        return None
    return {
        "uptime": int((now - step_at(instance, now).at).total_seconds()),
        "gpus": [{"util": 35 if stage is Stage.SERVING else 0, "memoryUtil": 0} for _ in instance.gpu_indexes],
        "cpu": {"util": 3},
        "memory": {"util": 9},
        "ports": _ports(instance, pod, now),
    }


def _ports(instance: Instance, pod: Pod, now: datetime) -> list[Row] | None:
    if pod.ports_from is not None and now < pod.ports_from:
        return [] if pod.ports_empty else None
    stale = pod.stale_until is not None and now < pod.stale_until
    return [_port(name, pod.stale_ports if stale else instance.ports) for name in pod.ports]


def _port(name: str, ports: Mapping[int, int]) -> Row:
    """Ports of the proxy too stand on loopback here: nobody could reach RunPod's proxy for an emulated pod."""
    number, _, kind = name.partition("/")
    return {"private": int(number), "public": ports[int(number)], "type": kind, "ip": "127.0.0.1"}
