"""Renting: PUT /api/v0/asks/{id}/ and POST /api/v0/asks/bulk/."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.fleet.machine import Ask
from cloudgpu.emulator.fleet.offer_row import storage_usd_per_hour
from cloudgpu.emulator.instances.rental import RentRequest
from cloudgpu.emulator.vast_api.body import fault_of, json_object, world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world.world import World

_PORT = re.compile(r"^-p\s+(\d+):(\d+)(?:/(tcp|udp))?$")
_MOST_PORTS = 64
_LEAST_DISK_GB = 8
_LONGEST_ARGS = 4096
_LONGEST_ONSTART = 4048
_LONGEST_ENV = 32_768
_LONGEST_LABEL = 256
_LONGEST_IMAGE = 1024


class BadCreateError(ValueError):
    """A create body that the server refuses; the text is its message."""


def routes() -> list[Route]:
    """The routes that rent."""
    return [
        Route("/api/v0/asks/bulk/", _bulk, methods=["POST"]),
        Route("/api/v0/asks/{ask_id:int}/", _create, methods=["PUT"]),
    ]


async def _create(request: Request) -> Response:
    body = await json_object(request)
    if body is None:
        return refusal(400, "invalid_args", "Input should be a valid dictionary")
    fault = fault_of(request)
    return _rent(
        world_of(request),
        int(request.path_params["ask_id"]),
        body,
        trick=None if fault is None else fault.do,
    )


async def _bulk(request: Request) -> Response:
    body = await json_object(request)
    ids = (body or {}).get("ids")
    if not isinstance(ids, list):
        return refusal(400, "invalid_args", "ids: Input should be a valid list")
    answers = [_rent(world_of(request), int(ask_id), body or {}, trick=None) for ask_id in ids]
    good = sum(answer.status_code == 200 for answer in answers)
    return reply({"success": good == len(ids), "created": good, "requested": len(ids)}, 200 if good else 400)


def _rent(world: World, ask_id: int, body: Mapping[str, Any], *, trick: str | None) -> Response:
    ask = world.ask(ask_id)
    if ask is not None and trick == "taken":
        world.take(ask)
        ask = None
    if ask is None:
        return refusal(404, "no_such_ask", f"Instance type by id {ask_id} is not available.")
    try:
        wanted = _request(body)
    except (BadCreateError, ArithmeticError) as error:
        return refusal(400, "invalid_args", str(error))
    problem = _problem(world, ask, wanted)
    if problem is not None:
        return problem
    low_bid = wanted.bid_usd_per_hour is not None and wanted.bid_usd_per_hour < _min_bid(ask)
    if low_bid and body.get("cancel_unavail"):
        return refusal(410, "no_such_ask", "bid is too low for this instance type")
    if low_bid or trick == "error_with_new_contract":
        return _half_done(world, ask, wanted)
    instance = world.rent(ask, wanted)
    return reply({"success": True, "new_contract": instance.instance_id, "instance_api_key": instance.api_key})


def _request(body: Mapping[str, Any]) -> RentRequest:
    if body.get("client_id", "me") != "me":
        raise BadCreateError("client_id must be me")
    env = body.get("env") or {}
    if not isinstance(env, Mapping):
        env = {}  # a string of docker flags is not applied, as on the real thing
    price = body.get("price")
    args = body.get("args") or ()
    if not isinstance(args, list | tuple):
        raise BadCreateError("args: Input should be a valid list")
    wanted = RentRequest(
        image=str(body.get("image") or ""),
        args=tuple(str(arg) for arg in args) or tuple(str(body.get("args_str") or "").split()),
        env={str(name): str(value) for name, value in env.items() if not str(name).startswith("-")},
        onstart=body.get("onstart"),
        runtype=str(body.get("runtype") or "ssh"),
        disk_gb=Decimal(str(body.get("disk") or 10)),
        label=body.get("label"),
        container_ports=_ports(env),
        bid_usd_per_hour=None if price is None else Decimal(str(price)),
        start=body.get("target_state", "running") == "running",
    )
    _check_limits(wanted)
    return wanted


def _ports(env: Mapping[str, Any]) -> tuple[int, ...]:
    matches = [_PORT.match(str(name)) for name in env]
    ports = sorted({int(match[2]) for match in matches if match and match[3] != "udp"})
    if len(ports) > _MOST_PORTS:
        raise BadCreateError(f"at most {_MOST_PORTS} ports")
    return tuple(ports)


def _check_limits(wanted: RentRequest) -> None:
    limits = (
        (bool(wanted.image) and len(wanted.image) <= _LONGEST_IMAGE, "image is missing or too long"),
        (wanted.disk_gb >= _LEAST_DISK_GB, f"disk must be at least {_LEAST_DISK_GB} GB"),
        (len(wanted.label or "") <= _LONGEST_LABEL, f"label is longer than {_LONGEST_LABEL}"),
        (len(wanted.onstart or "") <= _LONGEST_ONSTART, f"onstart is longer than {_LONGEST_ONSTART}"),
        (sum(map(len, wanted.args)) + len(wanted.onstart or "") <= _LONGEST_ARGS, "args and onstart are too long"),
        (sum(len(k) + len(v) for k, v in wanted.env.items()) <= _LONGEST_ENV, "env is too long"),
    )
    for holds, message in limits:
        if not holds:
            raise BadCreateError(message)


def _problem(world: World, ask: Ask, wanted: RentRequest) -> Response | None:
    if float(wanted.disk_gb) > ask.machine.disk_gb * ask.share:
        return refusal(400, "invalid_args", "disk: more than this machine has")
    if len(wanted.container_ports) > ask.machine.open_ports:
        return refusal(400, "invalid_args", "not enough open ports on this machine")
    bid = wanted.bid_usd_per_hour
    if bid is not None and not Decimal("0.001") <= bid <= 128:
        return refusal(400, "invalid_price", "price must be between 0.001 and 128")
    hourly = ask.gpu_usd_per_hour + storage_usd_per_hour(ask.machine, wanted.disk_gb)
    if world.credit_usd() <= max(ZERO, hourly):
        return refusal(400, "insufficient_credit", "Your account lacks credit; see the billing page.")
    return None


def _min_bid(ask: Ask) -> Decimal:
    return ask.gpu_usd_per_hour * ask.machine.min_bid_share


def _half_done(world: World, ask: Ask, wanted: RentRequest) -> Response:
    """The trap of the real API: an error whose body names an instance that exists, stopped and billed."""
    stopped = RentRequest(
        image=wanted.image, args=wanted.args, env=wanted.env, onstart=wanted.onstart, runtype=wanted.runtype,
        disk_gb=wanted.disk_gb, label=wanted.label, container_ports=wanted.container_ports,
        bid_usd_per_hour=wanted.bid_usd_per_hour, start=False,
    )  # fmt: skip
    instance = world.rent(ask, stopped)
    return refusal(
        400,
        "no_such_ask",
        "Required resources are currently unavailable",
        new_contract=instance.instance_id,
        instance_api_key=instance.api_key,
    )
