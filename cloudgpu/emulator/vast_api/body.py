"""What a request carries: its JSON body, its world, the fault that sits on it."""

import json
from decimal import Decimal
from typing import Any

from starlette.requests import Request

from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.markets import Markets
from cloudgpu.emulator.world.world import World


async def json_object(request: Request) -> dict[str, Any] | None:
    """The body as a JSON object, numbers with a point as Decimal; None when it is anything else."""
    try:
        value = json.loads(await request.body() or b"{}", parse_float=Decimal)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def world_of(request: Request) -> World:
    """The world of Vast.ai behind the server."""
    return _markets(request).vast


def runpod_of(request: Request) -> World:
    """The world of RunPod behind the server."""
    return _markets(request).runpod


def _markets(request: Request) -> Markets:
    markets = request.app.state.markets
    assert isinstance(markets, Markets)
    return markets


def fault_of(request: Request) -> Fault | None:
    """The fault that strikes this very request."""
    fault = request.scope.get("emulator_fault")
    return fault if isinstance(fault, Fault) else None
