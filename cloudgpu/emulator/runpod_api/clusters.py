"""Clusters: several pods in one data centre that come and go together, and that no plain list of pods shows."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.runpod_api.create_body import BrokenBodyError, WantedPod, read_create
from cloudgpu.emulator.runpod_api.gate import NO_CAPACITY
from cloudgpu.emulator.runpod_api.pod_row import Row, pod_row
from cloudgpu.emulator.runpod_api.pods import visible, wish_of
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.runpod_api.stock import ask_of, free_machines
from cloudgpu.emulator.vast_api.body import json_object, runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world.world import World

_TYPES = ("APPLICATION", "TRAINING", "SLURM", "RAY")
_OF_PODS = ("name", "image", "disk", "ports", "env", "entrypoint", "cmd", "mounts", "templateId")
_KIND = "clusters"


def routes() -> list[Route]:
    """The routes of clusters."""
    return [
        Route("/v2/clusters", _list, methods=["GET"]),
        Route("/v2/clusters", _create, methods=["POST"]),
        Route("/v2/clusters/{key}", _show, methods=["GET"]),
        Route("/v2/clusters/{key}", _delete, methods=["DELETE"]),
        Route("/v2/clusters/{key}/pods", _pods, methods=["GET"]),
    ]


async def _list(request: Request) -> Response:
    return reply({"clusters": list(runpod_of(request).shelf.all(_KIND))})


async def _create(request: Request) -> Response:
    world, body = runpod_of(request), await json_object(request) or {}
    try:
        wanted, count = _wanted(body)
    except BrokenBodyError as error:
        return problem(error.status, str(error), [{"location": error.field, "message": error.message}])
    centre = _centre(world, wanted, count)
    if centre is None:
        return problem(400, NO_CAPACITY)
    row = world.shelf.keep(_KIND, {name: body[name] for name in ("name", "type", "compute")})
    for rank in range(count):
        ask = ask_of(world, wish_of(wanted, (centre,)))
        assert ask is not None
        made = world.rent(ask, wanted.rent)
        world.relabel(made, f"{body['name']}-{rank}")
        world.change_pod(world.instance(made.instance_id) or made, cluster=row["id"], cluster_rank=rank)
    return reply(row, 201)


def _wanted(body: Mapping[str, Any]) -> tuple[WantedPod, int]:
    compute = body.get("compute")
    if body.get("type") not in _TYPES or not isinstance(compute, Mapping):
        raise BrokenBodyError("type", f"must be one of {', '.join(_TYPES)}, with a compute")
    gpu = {"id": compute.get("gpuTypeId"), "count": compute.get("gpuCountPerPod", 1)}
    pod = {name: body[name] for name in _OF_PODS if name in body}
    count = compute.get("podCount")
    if not isinstance(count, int) or count < 2:
        raise BrokenBodyError("compute.podCount", "must be at least 2")
    return read_create({**pod, "gpu": gpu, "dataCenterIds": body.get("dataCenterIds") or []}), count


def _centre(world: World, wanted: WantedPod, count: int) -> str | None:
    """A data centre with room for all of them; None when there is none."""
    for machine in free_machines(world, wish_of(wanted)):
        if len(world.free_gpus(machine)) >= wanted.gpu_count * count:
            return machine.geolocation
    return None


async def _show(request: Request) -> Response:
    row = runpod_of(request).shelf.one(_KIND, request.path_params["key"])
    return reply(row) if row is not None else problem(404, "cluster not found")


async def _delete(request: Request) -> Response:
    world, key = runpod_of(request), request.path_params["key"]
    if not world.shelf.forget(_KIND, key):
        return problem(404, "cluster not found")
    for member in _members(world, key):
        world.destroy(member)
    return Response(status_code=204)


async def _pods(request: Request) -> Response:
    world, key = runpod_of(request), request.path_params["key"]
    if world.shelf.one(_KIND, key) is None:
        return problem(404, "cluster not found")
    rows: list[Row] = [pod_row(each, world.machine(each), world.now()) for each in _members(world, key)]
    return reply({"pods": rows})


def _members(world: World, key: str) -> list[Instance]:
    return [each for each in visible(world) if each.pod is not None and each.pod.cluster == key]
