"""The emulator's own routes, beside Vast's: who it is, what it holds, its exact bill, faults, and its end."""

import os
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import ZERO, exact_text
from cloudgpu.emulator.billing import bill_usd, meters
from cloudgpu.emulator.faults import Fault, read_fault
from cloudgpu.emulator.instance import DISK_FREE, GPU_BILLED, Instance, gpu_usd_per_hour, step_at
from cloudgpu.emulator.vast_api.account import unauthorised
from cloudgpu.emulator.vast_api.body import json_object, world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world import World


def routes() -> list[Route]:
    """The routes under /emulator. All but the identity want the key."""
    return [
        Route("/emulator/identity", _identity, methods=["GET"]),
        Route("/emulator/status", _status, methods=["GET"]),
        Route("/emulator/bill", _bill, methods=["GET"]),
        Route("/emulator/faults", _faults, methods=["GET", "POST", "DELETE"]),
        Route("/emulator/stop", _stop, methods=["POST"]),
    ]


async def _identity(request: Request) -> Response:
    return reply({"emulator": "cloudgpu", "pid": os.getpid(), "token": request.app.state.token})


async def _status(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    world = world_of(request)
    now = world.now()
    rentable = sum(ask.rentable for ask in world.asks())
    return reply(
        {
            "now": utc_text(now),
            "seed": world.seed,
            "machines": len(world.machines),
            "offers": rentable,
            "bill_usd": exact_text(world.bill_usd()),
            "credit_usd": exact_text(world.credit_usd()),
            "faults": len(world.faults()),
            "instances": [_summary(world, instance) for instance in world.instances()],
        }
    )


def _summary(world: World, instance: Instance) -> dict[str, Any]:
    now, machine = world.now(), world.machine(instance)
    stage = step_at(instance, now).stage
    gpu_usd = gpu_usd_per_hour(instance, now) if stage in GPU_BILLED else ZERO
    disk_usd = ZERO if stage in DISK_FREE else instance.disk_usd_per_hour
    return {
        "instance_id": instance.instance_id,
        "label": instance.label,
        "gpu": machine.gpu.gpu_name,
        "gpu_count": len(instance.gpu_indexes),
        "model": None if instance.command is None else instance.command.model,
        "stage": str(stage),
        "usd_per_hour": exact_text(gpu_usd + disk_usd),
        "usd_so_far": exact_text(bill_usd(instance, instance.created_at, now)),
        "since": utc_text(instance.created_at),
    }


async def _bill(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    world = world_of(request)
    now = world.now()
    rows = [_bill_row(instance, world) for instance in world.all_instances()]
    return reply({"now": utc_text(now), "total_usd": exact_text(world.bill_usd()), "instances": rows})


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
        "instance_id": instance.instance_id,
        "label": instance.label,
        "alive": instance.alive,
        "usd": exact_text(bill_usd(instance, instance.created_at, now)),
        "lines": lines,
    }


async def _faults(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    world = world_of(request)
    if request.method == "DELETE":
        world.clear_faults()
    elif request.method == "POST":
        body = await json_object(request) or {}
        try:
            world.add_fault(lambda fault_id: read_fault(body, fault_id))
        except (ValueError, TypeError, ArithmeticError) as error:
            return refusal(400, "bad_fault", str(error))
    return reply({"success": True, "faults": [_fault_row(fault) for fault in world.faults()]})


def _fault_row(fault: Fault) -> dict[str, Any]:
    return {
        "fault_id": fault.fault_id,
        "on": fault.on,
        "do": fault.do,
        "times": fault.times,
        "instance_id": fault.instance_id,
        "label": fault.label,
    }


async def _stop(request: Request) -> Response:
    refused = unauthorised(request)
    if refused is not None:
        return refused
    request.app.state.stop()
    return reply({"success": True})
