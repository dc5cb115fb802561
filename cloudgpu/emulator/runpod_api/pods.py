"""Pods: create, list, show, change, act, delete."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.units import HOURS_PER_MONTH
from cloudgpu.emulator.fleet.machine import Ask
from cloudgpu.emulator.fleet.runpod import pod_types
from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.runpod_api.create_body import BrokenBodyError, WantedPod, read_create
from cloudgpu.emulator.runpod_api.gate import NO_CAPACITY
from cloudgpu.emulator.runpod_api.pod_row import actions_of, pod_row, status_of
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.runpod_api.stock import Wish, ask_of
from cloudgpu.emulator.vast_api.body import fault_of, json_object, runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world.world import World

_MOST_ROWS = 1000


def routes() -> list[Route]:
    """The routes of pods, less logs."""
    return [
        Route("/v2/pods", _list, methods=["GET"]),
        Route("/v2/pods", _create, methods=["POST"]),
        Route("/v2/pods/{pod_id}", _show, methods=["GET"]),
        Route("/v2/pods/{pod_id}", _change, methods=["PATCH"]),
        Route("/v2/pods/{pod_id}", _delete, methods=["DELETE"]),
        Route("/v2/pods/{pod_id}/action", _act, methods=["POST"]),
    ]


def visible(world: World) -> list[Instance]:
    """The pods that the API knows at this moment: a new one may be hidden for a while, a terminated one is gone."""
    now = world.now()
    return [each for each in world.instances() if _known(each, now)]


def find(world: World, pod_id: str) -> Instance | None:
    """One visible pod."""
    found = world.pod(pod_id)
    return found if found is not None and _known(found, world.now()) else None


def _known(instance: Instance, now: datetime) -> bool:
    pod = instance.pod
    hidden = pod is not None and pod.shown_from is not None and now < pod.shown_from
    return not hidden and status_of(instance, now) != "TERMINATED"


async def _create(request: Request) -> Response:
    world, body = runpod_of(request), await json_object(request)
    if body is None:
        return problem(422, "the body is no JSON object")
    try:
        wanted = read_create(_with_template(world, body))
        centres = _centres(world, wanted)
    except BrokenBodyError as error:
        return problem(error.status, str(error), [{"location": error.field, "message": error.message}])
    if wanted.gpu_type not in {kind.runpod_id for kind in pod_types()}:
        return problem(422, "gpu.id: unknown GPU type", [{"location": "gpu.id", "message": "unknown GPU type"}])
    ask = ask_of(world, wish_of(wanted, centres))
    if ask is None:
        return problem(400, NO_CAPACITY)
    if world.credit_usd() < _first_hour_usd(ask, wanted):
        return problem(402, "account balance is too low to start this pod")
    instance = world.rent(ask, wanted.rent)
    return reply(pod_row(instance, world.machine(instance), world.now()), 201)


def _with_template(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body with what its template says where it says nothing itself; the template is not named any more."""
    key = body.get("templateId")
    if key is None:
        return body
    template = world.shelf.one("templates", str(key))
    if template is None:
        raise BrokenBodyError("templateId", "template not found", 404)
    own = {name: value for name, value in body.items() if name != "templateId"}
    return {**{name: template[name] for name in _OF_TEMPLATES if name in template}, **own}


_OF_TEMPLATES = ("image", "args", "disk", "ports", "env", "registry", "mounts")


def _centres(world: World, wanted: WantedPod) -> tuple[str, ...]:
    """Where it may be: a network volume ties it to the volume's data centre."""
    volume_id = None if wanted.rent.pod is None else wanted.rent.pod.network_volume
    if volume_id is None:
        return wanted.data_centres
    volume = world.shelf.one("network-volumes", volume_id)
    if volume is None:
        raise BrokenBodyError("mounts.network", "network volume not found", 400)
    return (str(volume["dataCenter"]),)


def wish_of(wanted: WantedPod, centres: tuple[str, ...] | None = None) -> Wish:
    """What is asked of the stock, in these data centres instead of those of the wish."""
    return Wish(
        gpu_type=wanted.gpu_type, gpu_count=wanted.gpu_count, cloud=wanted.cloud,
        data_centres=wanted.data_centres if centres is None else centres,
        cuda_versions=wanted.cuda_versions, min_cuda=wanted.min_cuda,
    )  # fmt: skip


def _first_hour_usd(ask: Ask, wanted: WantedPod) -> Decimal:
    disk = ask.machine.storage_usd_per_gb_month * wanted.rent.disk_gb / HOURS_PER_MONTH
    return ask.gpu_usd_per_hour + disk


async def _list(request: Request) -> Response:
    world, params = runpod_of(request), request.query_params
    members = params.get("includeClusterPods") == "true"
    pods = [each for each in visible(world) if members or each.pod is None or each.pod.cluster is None]
    limit = params.get("limit", str(_MOST_ROWS))
    if not limit.isdigit() or not 1 <= int(limit) <= _MOST_ROWS:
        return problem(422, "limit: must be between 1 and 1000")
    start = _start(params.get("cursor"), pods)
    if start is None:
        return problem(400, "cursor: is not valid")
    page, rest = pods[start : start + int(limit)], pods[start + int(limit) :]
    rows = [pod_row(each, world.machine(each), world.now()) for each in page]
    fault = fault_of(request)
    if fault is not None and fault.do == "short":
        rows = rows[:-1]
    return reply({"pods": rows, "pagination": {"hasNextPage": bool(rest), "nextCursor": _cursor(page, rest)}})


def _cursor(page: list[Instance], rest: list[Instance]) -> str | None:
    return base64.urlsafe_b64encode(str(page[-1].instance_id).encode()).decode() if rest else None


def _start(cursor: str | None, pods: list[Instance]) -> int | None:
    if cursor is None:
        return 0
    try:
        after = int(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error):
        return None
    return sum(each.instance_id <= after for each in pods)


async def _show(request: Request) -> Response:
    world, instance = _pod(request)
    return _shown(world, instance) if instance is not None else _absent()


async def _change(request: Request) -> Response:
    world, instance = _pod(request)
    if instance is None:
        return _absent()
    body = await json_object(request) or {}
    if extra := set(body) - {"name", "locked"}:
        return problem(422, f"{sorted(extra)[0]}: cannot be changed here")
    if "name" in body:
        world.relabel(instance, str(body["name"]))
    if "locked" in body:
        world.change_pod(world.instance(instance.instance_id) or instance, locked=body["locked"] is True)
    return _shown(world, world.instance(instance.instance_id) or instance)


async def _act(request: Request) -> Response:
    world, instance = _pod(request)
    if instance is None:
        return _absent()
    action = (await json_object(request) or {}).get("action")
    if action not in ("start", "stop", "restart", "terminate"):
        return problem(422, "action: must be start, stop, restart or terminate")
    locked = instance.pod is not None and instance.pod.locked and action in ("stop", "restart")
    if action not in actions_of(instance, world.now()) or locked or (instance.pod and instance.pod.cluster):
        return problem(409, f"{action} is not allowed in this pod's status")
    _do(world, instance, action)
    if action == "terminate":
        return Response(status_code=204)
    return _shown(world, world.instance(instance.instance_id) or instance)


def _do(world: World, instance: Instance, action: str) -> None:
    if action == "terminate":
        world.destroy(instance)
    if action in ("stop", "restart"):
        world.stop(instance)
    if action in ("start", "restart"):
        world.start(world.instance(instance.instance_id) or instance)


async def _delete(request: Request) -> Response:
    world, instance = _pod(request)
    if instance is None:
        return _absent()
    world.destroy(instance)
    return Response(status_code=204)


def _pod(request: Request) -> tuple[World, Instance | None]:
    world = runpod_of(request)
    return world, find(world, request.path_params["pod_id"])


def _shown(world: World, instance: Instance) -> Response:
    return reply(pod_row(instance, world.machine(instance), world.now()))


def _absent() -> Response:
    return problem(404, "pod not found")
