"""What changes an instance's price: its own bid, and what its host proposes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.instances.instance import Instance, Proposal, gpu_usd_per_hour
from cloudgpu.emulator.vast_api.body import json_object, world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world.world import World

_LEAST_BID_USD = Decimal("0.001")
_MOST_BID_USD_A_GPU = 32
_WINNING = Decimal("1.05")
_SECONDS_PER_HOUR = 3600


def routes() -> list[Route]:
    """The routes of bids and of proposed prices."""
    return [
        Route("/api/v0/instances/bid_price/{instance_id:int}/", _bid, methods=["PUT"]),
        Route("/api/v0/instances/pending-price-increases/", _pending, methods=["GET"]),
        Route("/api/v0/instances/accept-price-increase/", _accept, methods=["PUT"]),
        Route("/api/v0/instances/reject-price-increase/", _reject, methods=["PUT"]),
    ]


async def _bid(request: Request) -> Response:
    """A price of null bids what wins now: a little more than the least."""
    world, body = world_of(request), await json_object(request) or {}
    instance = world.instance(int(request.path_params["instance_id"]))
    if instance is None:
        return refusal(404, "no_such_instance", f"Instance {request.path_params['instance_id']} not found.")
    if not instance.is_bid:
        return refusal(400, "invalid_args", "an on-demand instance has no bid")
    price = body.get("price")
    usd = _winning(world, instance) if price is None else Decimal(str(price))
    if not _LEAST_BID_USD <= usd <= _MOST_BID_USD_A_GPU * len(instance.gpu_indexes):
        return refusal(400, "invalid_price", f"price must be between {_LEAST_BID_USD} and {_MOST_BID_USD_A_GPU} a GPU")
    world.change_bid(instance, usd)
    return reply({"success": True})


def _winning(world: World, instance: Instance) -> Decimal:
    least = max(world.min_bid_usd_per_hour(instance), gpu_usd_per_hour(instance, world.now()))
    return (least * _WINNING).quantize(Decimal("1e-6"))


async def _pending(request: Request) -> Response:
    world = world_of(request)
    now = world.now()
    rows = [_row(world, each, each.proposal) for each in world.instances() if each.proposal and each.proposal.at <= now]
    return reply({"success": True, "count": len(rows), "truncated": False, "pending_price_increases": rows})


def _row(world: World, instance: Instance, proposal: Proposal) -> dict[str, Any]:
    disk = instance.disk_usd_per_hour / _SECONDS_PER_HOUR
    return {
        "pending_price_increase_id": proposal.proposal_id,
        "contract_id": instance.instance_id,
        "host_id": world.machine(instance).host_id,
        "new_gpu_costpersec": proposal.gpu_usd_per_hour / _SECONDS_PER_HOUR,
        "old_gpu_costpersec": gpu_usd_per_hour(instance, world.now()) / _SECONDS_PER_HOUR,
        **{f"{age}_disk_ram_costpersec": disk for age in ("new", "old")},
        **{f"{age}_bwd_cost": instance.download_usd_per_gb for age in ("new", "old")},
        **{f"{age}_bwu_cost": instance.upload_usd_per_gb for age in ("new", "old")},
        **{f"{age}_platform_fee": None for age in ("new", "old")},
        "contract_end_date": instance.ends_at.timestamp(),
        "ask_end_date": proposal.ends_at.timestamp(),
        "created_at": (proposal.at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds(),
    }


async def _accept(request: Request) -> Response:
    return await _answered(request, accept=True)


async def _reject(request: Request) -> Response:
    return await _answered(request, accept=False)


async def _answered(request: Request, *, accept: bool) -> Response:
    world, body = world_of(request), await json_object(request) or {}
    if set(body) != {"pending_price_increase_id"}:
        return refusal(400, "invalid_args", "the body is exactly {pending_price_increase_id}")
    number = body["pending_price_increase_id"]
    for instance in world.instances():
        if instance.proposal is not None and instance.proposal.proposal_id == number:
            world.answer_proposal(instance, accept=accept)
            return reply({"success": True, "pending_price_increase_id": number, "contract_id": instance.instance_id})
    return refusal(404, "no_pending_price_increase", "There is no such price increase.")
