"""The read parts of the GraphQL API that is being retired: types with prices, the account, its pods."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.fleet.runpod import DATA_CENTRES, PodType, country_of, pod_types
from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.runpod_api.account import account_name
from cloudgpu.emulator.runpod_api.pod_row import cost_of, pod_row, status_of
from cloudgpu.emulator.runpod_api.pods import find, visible
from cloudgpu.emulator.runpod_api.selection import Field, picked, read_query
from cloudgpu.emulator.runpod_api.stock import Wish, free_machines, level
from cloudgpu.emulator.vast_api.body import json_object, runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world.world import World

Row = dict[str, Any]
_OPEN = frozenset({"gpuTypes", "dataCenters", "countryCodes", "cpuFlavors"})
"""What needs no key: the catalogue."""

_STOCK = {"NONE": None, "LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"}


def routes() -> list[Route]:
    """The one route of GraphQL."""
    return [Route("/graphql", _graphql, methods=["POST"])]


async def _graphql(request: Request) -> Response:
    body = await json_object(request) or {}
    try:
        kind, fields = read_query(str(body.get("query") or ""), body.get("variables") or {})
    except (ValueError, IndexError) as error:
        return _error(f"Syntax Error: {error}")
    if kind == "mutation":
        return _error("the emulator's GraphQL reads only: use REST v2 to change something")
    if any(field.name not in _OPEN for field in fields) and "authorization" not in request.headers:
        return _error("Unauthenticated")
    return reply({"data": {field.name: _answer(runpod_of(request), field) for field in fields}})


def _error(message: str) -> Response:
    return reply({"errors": [{"message": message}], "data": None})


def _answer(world: World, field: Field) -> Any:  # noqa: ANN401  (any JSON value)
    if field.name == "gpuTypes":
        wanted = field.arguments.get("id")
        kinds = [kind for kind in pod_types() if wanted in (None, kind.runpod_id)]
        return picked([_type(world, kind, field) for kind in kinds], field.fields)
    if field.name == "dataCenters":
        rows = [{"id": each, "name": each, "location": country_of(each), "listed": True} for each in DATA_CENTRES]
        return picked(rows, field.fields)
    if field.name == "countryCodes":
        return sorted({country_of(each) for each in DATA_CENTRES})
    if field.name == "cpuFlavors":
        return []
    if field.name == "myself":
        return picked(_myself(world), field.fields)
    if field.name == "pod":
        found = find(world, field.arguments.get("podId", ""))
        return None if found is None else picked(_pod(world, found), field.fields)
    return None


def _type(world: World, kind: PodType, field: Field) -> Row:
    """Prices where a cloud lacks the type are placeholders, as on the real thing."""
    secure, community = kind.usd("SECURE"), kind.usd("COMMUNITY")
    asked = next((each for each in field.fields if each.name == "lowestPrice"), Field("", {}, ()))
    wanted = asked.arguments
    cloud = "COMMUNITY" if wanted.get("secureCloud") == "false" else "SECURE"
    centres = tuple(
        each
        for each in DATA_CENTRES
        if wanted.get("dataCenterId", each) == each and wanted.get("countryCode", country_of(each)) == country_of(each)
    )
    wish = Wish(
        gpu_type=kind.runpod_id, gpu_count=int(wanted.get("gpuCount", "1")), cloud=cloud, data_centres=centres,
        min_cuda=wanted.get("minCudaVersion"),
    )  # fmt: skip
    free = list(free_machines(world, wish)) if centres else []
    lowest = min((price for price in (secure, community) if price is not None), default=None)
    return {
        "id": kind.runpod_id, "displayName": kind.display_name, "manufacturer": kind.manufacturer,
        "memoryInGb": kind.memory_gb, "secureCloud": secure is not None, "communityCloud": community is not None,
        "securePrice": secure if secure is not None else 0.5,
        "communityPrice": community if community is not None else 0.5,
        "maxGpuCount": min(8, kind.max_count), "maxGpuCountSecureCloud": min(8, kind.max_count),
        "maxGpuCountCommunityCloud": min(8, kind.max_count), "secureSpotPrice": None, "communitySpotPrice": None,
        "lowestPrice": {
            "stockStatus": _STOCK[level(world, free)], "uninterruptablePrice": lowest, "minimumBidPrice": None,
            "minVcpu": kind.vcpus * wish.gpu_count, "minMemory": kind.ram_gb * wish.gpu_count,
        },
        "nodeGroupDatacenters": [], "clusterPrice": None, "minPodGpuCount": 1,
    }  # fmt: skip


def _myself(world: World) -> Row:
    spend = sum((cost_of(each, world.now()) for each in visible(world)), start=0 * world.credit_usd())
    return {
        "id": account_name(world), "email": "emulator@localhost", "pubKey": "", "networkVolumes": [], "endpoints": [],
        "clientBalance": world.credit_usd(), "currentSpendPerHr": spend, "spendLimit": 80,
        "pods": [_pod(world, each) for each in visible(world)],
    }  # fmt: skip


def _pod(world: World, instance: Instance) -> Row:
    now = world.now()
    row = pod_row(instance, world.machine(instance), now)
    runtime = row["runtime"]
    ports = [_port(port) for port in (runtime or {}).get("ports") or ()]
    return {
        "id": row["id"], "name": row["name"], "imageName": row["image"], "costPerHr": row["cost"],
        "desiredStatus": "EXITED" if status_of(instance, now) == "EXITED" else "RUNNING",
        "containerDiskInGb": row["disk"], "dockerArgs": row["args"] or "", "gpuCount": row["gpu"]["count"],
        "env": [f"{name}={value}" for name, value in row["env"].items()], "ports": ",".join(row["ports"]),
        "memoryInGb": row["gpu"]["memory"], "vcpuCount": row["gpu"]["vcpuCount"], "machineId": None,
        "podType": "RESERVED", "volumeInGb": int(instance.pod.volume_gb) if instance.pod else 0,
        "volumeMountPath": instance.pod.volume_path if instance.pod else None, "uptimeSeconds": 0,
        "lastStatusChange": f"Rented by User: {row['createdAt']}",
        "runtime": None if runtime is None else {"uptimeInSeconds": runtime["uptime"], "ports": ports},
        "machine": {"gpuDisplayName": row["gpu"]["id"], "podHostId": row["id"]},
    }  # fmt: skip


def _port(port: Row) -> Row:
    return {
        "ip": port["ip"], "isIpPublic": port["type"] == "tcp", "privatePort": port["private"],
        "publicPort": port["public"], "type": port["type"],
    }  # fmt: skip
