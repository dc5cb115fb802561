"""The log of a pod as a stream of events: what there is, then heartbeats, for as long as somebody listens."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cloudgpu.base.clock import utc_text
from cloudgpu.emulator.instances.instance import Instance, steps_of
from cloudgpu.emulator.runpod_api.pods import find
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api.body import runpod_of

_MOST_LINES = 5000
_HEARTBEATS_S = (0.0, 0.0, *(0.5,) * 6)
"""Real seconds before each heartbeat: two once the log is told, then one now and then. The real stream stays open; a
listener that waits for its end must not hold this process for long."""


def routes() -> list[Route]:
    """The route of logs."""
    return [Route("/v2/pods/{pod_id}/logs", _logs, methods=["GET"])]


async def _logs(request: Request) -> Response:
    world = runpod_of(request)
    instance = find(world, request.path_params["pod_id"])
    if instance is None:
        return problem(404, "pod not found")
    source, tail = request.query_params.get("source", "container"), request.query_params.get("tail", "100")
    if source not in ("container", "system") or not tail.isdigit() or int(tail) > _MOST_LINES:
        return problem(422, "source must be container or system, tail 0 to 5000")
    lines = _system(instance, world.now()) if source == "system" else _container(instance, world.now())
    kept = lines[-int(tail) :] if int(tail) else []
    return StreamingResponse(_stream(kept, source), media_type="text/event-stream")


def _container(instance: Instance, now: datetime) -> list[tuple[datetime, str]]:
    return [(line.at, text) for line in instance.log if line.at <= now for text in line.text.splitlines()]


def _system(instance: Instance, now: datetime) -> list[tuple[datetime, str]]:
    return [(step.at, step.message or f"pod is {step.stage}") for step in steps_of(instance) if step.at <= now]


async def _stream(lines: list[tuple[datetime, str]], source: str) -> AsyncIterator[bytes]:
    for at, text in lines:
        event = json.dumps({"source": source, "line": text, "ts": utc_text(at)})
        yield f"id: {utc_text(at)}\ndata: {event}\n\n".encode()
    for pause_s in _HEARTBEATS_S:
        await asyncio.sleep(pause_s)
        yield b": keep-alive\n\n"
