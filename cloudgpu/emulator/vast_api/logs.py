"""Logs in two steps, as on the real thing: ask for them, then fetch the text from the address in the answer."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloudgpu.emulator.instances.instance import Instance, steps_of
from cloudgpu.emulator.vast_api.body import json_object, world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply

_DEFAULT_TAIL = 1000


def routes() -> list[Route]:
    """The request for logs and the bucket they land in (the bucket asks for no key: its address is the secret)."""
    return [
        Route("/api/v0/instances/request_logs/{instance_id:int}/", _request_logs, methods=["PUT"]),
        Route("/bucket/{secret}/{instance_id:int}.log", _fetch, methods=["GET"]),
    ]


def log_text(instance: Instance, now: datetime, *, daemon: bool) -> str:
    """What the container, or with `daemon` the host's service, has printed by `now`."""
    if daemon:
        lines = [
            f"{step.at.isoformat()} {step.stage} {step.message or ''}" for step in steps_of(instance) if step.at <= now
        ]
    else:
        lines = [f"{line.at:%m-%d %H:%M:%S} {line.text}" for line in instance.log if line.at <= now]
    return "".join(f"{line}\n" for line in lines)


async def _request_logs(request: Request) -> Response:
    instance_id = int(request.path_params["instance_id"])
    instance = world_of(request).instance(instance_id)
    if instance is None:
        return refusal(404, "no_such_instance", f"Instance {instance_id} not found.")
    body = await json_object(request) or {}
    query = f"tail={body.get('tail') or _DEFAULT_TAIL}&daemon={body.get('daemon_logs', 'false')}"
    url = f"{str(request.base_url).rstrip('/')}/bucket/{instance.api_key[:32]}/{instance_id}.log?{query}"
    return reply({"success": True, "result_url": url, "msg": "Log request accepted"})


async def _fetch(request: Request) -> Response:
    world = world_of(request)
    instance = world.instance(int(request.path_params["instance_id"]))
    if instance is None or instance.api_key[:32] != request.path_params["secret"]:
        return PlainTextResponse("<Error><Code>AccessDenied</Code></Error>", 403)
    text = log_text(instance, world.now(), daemon=request.query_params.get("daemon") == "true")
    tail = int(request.query_params.get("tail", _DEFAULT_TAIL))
    return PlainTextResponse("".join(text.splitlines(keepends=True)[-tail:]))
