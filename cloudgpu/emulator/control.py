"""The emulator's own routes, beside the vendors': who it is, what it holds, its exact bill, faults, and its end."""

import os
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import ZERO, exact_text
from cloudgpu.emulator.faults.fault import as_row
from cloudgpu.emulator.faults.script import read_fault
from cloudgpu.emulator.instances.billing import bill_usd, meters, moved_bytes
from cloudgpu.emulator.instances.instance import Instance, id_of, market_of, step_at
from cloudgpu.emulator.rented import hourly_usd
from cloudgpu.emulator.standing_clock import StandingClock
from cloudgpu.emulator.vast_api.account import unauthorised
from cloudgpu.emulator.vast_api.body import json_object, runpod_of, world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world.world import World

_LONGEST_ADVANCE_S = 366 * 24 * 3600


def routes() -> list[Route]:
    """The routes under /emulator. All but the identity want the key."""
    return [
        Route("/emulator/identity", _identity, methods=["GET"]),
        Route("/emulator/status", _status, methods=["GET"]),
        Route("/emulator/bill", _bill, methods=["GET"]),
        Route("/emulator/faults", _faults, methods=["GET", "POST", "DELETE"]),
        Route("/emulator/credit", _credit, methods=["POST"]),
        Route("/emulator/advance", _advance, methods=["POST"]),
        Route("/emulator/received", _received, methods=["GET", "POST", "DELETE"]),
        Route("/emulator/stop", _stop, methods=["POST"]),
    ]


async def _identity(request: Request) -> Response:
    return reply({"emulator": "cloudgpu", "pid": os.getpid(), "token": request.app.state.token})


async def _status(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    world, pods = world_of(request), runpod_of(request)
    rentable = sum(ask.rentable for ask in world.asks())
    return reply(
        {
            "now": utc_text(world.now()),
            "seed": world.seed,
            "machines": len(world.machines),
            "offers": rentable,
            "bill_usd": exact_text(world.bill_usd() + pods.bill_usd()),
            "credit_usd": exact_text(world.credit_usd()),
            "runpod_credit_usd": exact_text(pods.credit_usd()),
            "faults": len(world.faults.waiting()) + len(pods.faults.waiting()),
            "instances": [_summary(each, instance) for each in (world, pods) for instance in each.instances()],
        }
    )


def _summary(world: World, instance: Instance) -> dict[str, Any]:
    now, machine = world.now(), world.machine(instance)
    return {
        "provider": market_of(instance),
        "instance_id": id_of(instance),
        "label": instance.label,
        "gpu": machine.gpu.gpu_name,
        "gpu_count": len(instance.gpu_indexes),
        "model": None if instance.command is None else instance.command.model,
        "stage": str(step_at(instance, now).stage),
        "usd_per_hour": exact_text(hourly_usd(instance, now)),
        "usd_so_far": exact_text(bill_usd(instance, instance.created_at, now)),
        "since": utc_text(instance.created_at),
    }


async def _bill(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    worlds = (world_of(request), runpod_of(request))
    total = sum((world.bill_usd() for world in worlds), ZERO)
    rows = [_bill_row(instance, world) for world in worlds for instance in world.all_instances()]
    return reply({"now": utc_text(worlds[0].now()), "total_usd": exact_text(total), "instances": rows})


def _bill_row(instance: Instance, world: World) -> dict[str, Any]:
    now = world.now()
    started = [meter for meter in meters(instance) if meter.start < now]
    lines = [
        {
            "meter": meter.name,
            "start": utc_text(meter.start),
            "end": utc_text(now if meter.end is None else min(now, meter.end)),
            "usd": exact_text(meter.usd(instance.created_at, now)),
        }
        for meter in started
    ]
    return {
        "provider": market_of(instance),
        "instance_id": id_of(instance),
        "label": instance.label,
        "alive": instance.alive,
        "usd": exact_text(bill_usd(instance, instance.created_at, now)),
        "received_bytes": moved_bytes(instance, now, outward=False),
        "sent_bytes": moved_bytes(instance, now, outward=True),
        "lines": lines,
    }


async def _faults(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    worlds = {"vast": world_of(request), "runpod": runpod_of(request)}
    if request.method == "DELETE":
        for world in worlds.values():
            world.faults.clear()
    elif request.method == "POST":
        try:
            fault = read_fault(await json_object(request) or {})
        except ValueError as error:
            return refusal(400, "bad_fault", str(error))
        worlds[fault.provider].faults.add(fault)
    rows = [as_row(fault) for world in worlds.values() for fault in world.faults.waiting()]
    return reply({"success": True, "faults": rows})


async def _credit(request: Request) -> Response:
    """Set what is left of an account's prepaid money (`provider`: vast or runpod): see what zero does."""
    refused = unauthorised(request)
    if refused is not None:
        return refused
    body = await json_object(request) or {}
    try:
        left = Decimal(str(body.get("usd")))
    except ArithmeticError:
        return refusal(400, "bad_request", "usd must be an amount of money")
    if body.get("provider") not in ("vast", "runpod"):
        return refusal(400, "bad_request", "provider must be vast or runpod")
    (world_of if body["provider"] == "vast" else runpod_of)(request).set_credit(left)
    return reply({"success": True})


async def _advance(request: Request) -> Response:
    """Let time pass on a clock that stands; what it brings has happened before the answer leaves."""
    refused = unauthorised(request)
    if refused is not None:
        return refused
    clock, seconds = world_of(request).clock, (await json_object(request) or {}).get("seconds")
    if not isinstance(clock, StandingClock):
        return refusal(409, "clock_runs", "the clock runs by itself: only one started with speed 0 can be moved")
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or not 0 <= seconds <= _LONGEST_ADVANCE_S:
        return refusal(400, "bad_request", f"seconds must be a number from 0 to {_LONGEST_ADVANCE_S}")
    clock.sleep(float(seconds))
    return reply({"success": True, "now": utc_text(clock.now())})


async def _received(request: Request) -> Response:
    """What either market was sent: POST begins to keep it, GET shows it, DELETE forgets it and ends."""
    refused = unauthorised(request)
    if refused is not None:
        return refused
    recorder = request.app.state.markets.recorder
    if request.method != "GET":
        recorder.on = request.method == "POST"
        recorder.clear()
    return reply({"recording": recorder.on, "requests": [asdict(each) for each in recorder.kept()]})


async def _stop(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    request.app.state.stop()
    return reply({"success": True})
