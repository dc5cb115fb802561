"""What an account keeps beside its pods: registries, templates, network volumes. Kept and given back; nothing more.

A network volume costs nothing here, which the real one does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.fleet.runpod import DATA_CENTRES
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api.body import json_object, runpod_of
from cloudgpu.emulator.vast_api.reply import reply

Row = dict[str, Any]
_LEAST_VOLUME_GB, _MOST_VOLUME_GB = 10, 4096


def routes() -> list[Route]:
    """The routes of each kind."""
    return [route for kind in _SHOWN for route in _routes_of(kind)]


def _routes_of(kind: str) -> list[Route]:
    async def every(request: Request) -> Response:
        rows = [_SHOWN[kind](row) for row in runpod_of(request).shelf.all(kind)]
        return reply({_LISTED[kind]: rows, "pagination": {"hasNextPage": False, "nextCursor": None}})

    async def make(request: Request) -> Response:
        body = await json_object(request)
        wrong = "is no JSON object" if body is None else _WRONG[kind](body)
        if body is None or wrong is not None:
            return problem(422, f"body: {wrong}", [{"location": "body", "message": str(wrong)}])
        return reply(_SHOWN[kind](runpod_of(request).shelf.keep(kind, body)), 201)

    async def one(request: Request) -> Response:
        row = runpod_of(request).shelf.one(kind, request.path_params["key"])
        return reply(_SHOWN[kind](row)) if row is not None else problem(404, "resource not found")

    async def forget(request: Request) -> Response:
        if runpod_of(request).shelf.forget(kind, request.path_params["key"]):
            return Response(status_code=204)
        # RunPod answers 400 for a registry that it does not know, since September 2026 (a client's report)
        return problem(400, "Registry auth not found") if kind == "registries" else problem(404, "resource not found")

    return [
        Route(f"/v2/{kind}", every, methods=["GET"]),
        Route(f"/v2/{kind}", make, methods=["POST"]),
        Route(f"/v2/{kind}/{{key}}", one, methods=["GET"]),
        Route(f"/v2/{kind}/{{key}}", forget, methods=["DELETE"]),
    ]


def _template(row: Row) -> Row:
    empty: Row = {
        "args": "", "disk": 50, "mounts": {}, "ports": [], "env": {}, "registry": None, "serverless": False,
        "public": False, "category": "NVIDIA",
    }  # fmt: skip
    return {**empty, **{name: value for name, value in row.items() if name not in ("startSsh", "startJupyter")}}


def _missing(*names: str) -> Callable[[Mapping[str, Any]], str | None]:
    def wrong(body: Mapping[str, Any]) -> str | None:
        return next((f"{name} is required" for name in names if not isinstance(body.get(name), str)), None)

    return wrong


def _wrong_volume(body: Mapping[str, Any]) -> str | None:
    size = body.get("size")
    if not isinstance(size, int) or not _LEAST_VOLUME_GB <= size <= _MOST_VOLUME_GB:
        return f"size must be between {_LEAST_VOLUME_GB} and {_MOST_VOLUME_GB}"
    return _missing("name")(body) or (None if body.get("dataCenter") in DATA_CENTRES else "dataCenter is not known")


_SHOWN: dict[str, Callable[[Row], Row]] = {
    "registries": lambda row: {"id": row["id"], "name": row["name"]},
    "templates": _template,
    "network-volumes": lambda row: {"type": "STANDARD", **row},
}
_LISTED = {"registries": "registries", "templates": "templates", "network-volumes": "networkVolumes"}
_WRONG = {
    "registries": _missing("name", "username", "password"),
    "templates": _missing("name", "image"),
    "network-volumes": _wrong_volume,
}
