"""The account's bill: GET /api/v0/charges/, /api/v1/invoices/, /api/v0/users/me/invoices."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.fleet.offer_row import Row
from cloudgpu.emulator.instances.billing import Meter, meters
from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.vast_api.body import world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world.world import World

_MOST_ROWS = 500
_VAST_TYPES = {"gpu": "gpu", "disk": "disk", "download": "bwd", "upload": "bwu"}
_DESCRIPTIONS = {"gpu": "GPU", "disk": "Disk", "download": "Bandwidth down", "upload": "Bandwidth up"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def routes() -> list[Route]:
    """The routes of the bill."""
    return [
        Route("/api/v0/charges/", _charges, methods=["GET"]),
        Route("/api/v1/invoices/", _invoices, methods=["GET"]),
        Route("/api/v0/users/me/invoices", _old_invoices, methods=["GET"]),
    ]


def charge_rows(world: World) -> list[Row]:
    """One row an instance, oldest first, its items cut at now; their amounts add up to the row's exactly."""
    now = world.now()
    rows = [_row(instance, now) for instance in world.all_instances()]
    return [row for row in rows if row["items"]]


async def _charges(request: Request) -> Response:
    try:
        first, last, kinds = _window(json.loads(request.query_params.get("select_filters", "{}")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return refusal(400, "bad_request", "select_filters.day with gte and lte is required")
    rows = [row for row in charge_rows(world_of(request)) if row["start"] <= last and row["end"] >= first]
    rows = rows if "instance" in kinds else []
    if request.query_params.get("latest_first", "false") in ("true", "True"):
        rows = rows[::-1]
    return reply(_page(rows, request.query_params))


def _window(filters: Mapping[str, Any]) -> tuple[float, float, Sequence[str]]:
    day = filters["day"]
    return float(day["gte"]), float(day["lte"]), filters.get("type", {}).get("in", ["instance"])


def _page(rows: Sequence[Row], params: Mapping[str, str]) -> Row:
    limit = max(1, min(_MOST_ROWS, int(params.get("limit", 20))))
    start = int(params.get("after_token") or 0)
    following = start + limit
    return {
        "success": True,
        "results": list(rows[start:following]),
        "count": len(rows[start:following]),
        "total": len(rows),
        "next_token": str(following) if following < len(rows) else None,
    }


def _row(instance: Instance, now: datetime) -> Row:
    items = [item for meter in meters(instance) for item in _items(instance, meter, now)]
    end = instance.billed_until or instance.destroyed_at or now
    return {
        "type": "instance",
        "source": f"instance-{instance.instance_id}",
        "description": f"Instance {instance.instance_id}",
        "amount": sum((item["amount"] for item in items), ZERO),
        "start": _stamp(instance.created_at),
        "end": _stamp(min(end, now)),
        "metadata": {"label": instance.label, "instance_id": instance.instance_id},
        "items": items,
    }


def _items(instance: Instance, meter: Meter, now: datetime) -> list[Row]:
    amount = meter.usd(instance.created_at, now)
    if meter.start >= now or amount == ZERO:
        return []
    end = now if meter.end is None else min(now, meter.end)
    return [
        {
            "type": _VAST_TYPES[meter.name],
            "source": None,
            "description": _DESCRIPTIONS[meter.name],
            "amount": amount,
            "start": _stamp(meter.start),
            "end": _stamp(end),
            "metadata": {},
            "items": [],
        }
    ]


def _stamp(moment: datetime) -> Decimal:
    """Seconds since 1970 with every microsecond."""
    return Decimal((moment - _EPOCH) // _MICROSECOND) / 1_000_000


async def _invoices(request: Request) -> Response:
    filters = json.loads(request.query_params.get("select_filters", "{}"))
    if not {"gte", "lte"} <= set(filters.get("when", {})):
        return reply({"success": False, "error": "bad_request", "msg": "select_filters.when needs gte and lte"})
    return reply({"success": True, "results": [], "count": 0, "total": 0, "next_token": None})


async def _old_invoices(request: Request) -> Response:
    world = world_of(request)
    wanted = request.query_params.get("inc_charges", "true") not in ("false", "False")
    rows = [_old_row(row) for row in charge_rows(world)] if wanted else []
    total = sum((row["amount"] for row in rows), ZERO)
    current = {"charges": total, "service_fee": 0, "total": total, "credit": world.credit_usd()}
    return reply({"invoices": rows, "current": current})


def _old_row(row: Row) -> Row:
    return {
        "type": "charge",
        "description": row["description"],
        "timestamp": row["end"],
        "amount": row["amount"],
        "quantity": (row["end"] - row["start"]) / 3600,
        "rate": "",
        "instance_id": row["metadata"]["instance_id"],
        "instance_label": row["metadata"]["label"],
    }
