"""Searching offers: POST /api/v0/bundles/, GET with ?q=, PUT /api/v0/search/asks/."""

import json
import random
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.fleet.machine import Ask
from cloudgpu.emulator.fleet.offer_row import Row, timeless_row, times
from cloudgpu.emulator.vast_api.account import has_key
from cloudgpu.emulator.vast_api.body import fault_of, json_object, world_of
from cloudgpu.emulator.vast_api.filters import BadFilterError, ordered, read_conditions
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world.world import World

_RESERVED = frozenset({"order", "type", "limit", "allocated_storage", "target_reliability", "disable_bundling"})
_DEFAULTS: dict[str, Any] = {
    "verified": {"eq": True},
    "rentable": {"eq": True},
    "rented": {"eq": False},
    "cpu_arch": {"eq": "amd64"},
}
_DEFAULT_DISK_GB = Decimal(8)
_KEYLESS_ROWS = 64
_TIMES = ("duration", "end_date")
_FIRST = ("gpu_name", "ask_contract_id")
"""What is asked first, before any other column is put together: it leaves few."""

_VIRTUAL = frozenset({"verified", "datacenter", "georegion", "cuda_vers", "ubuntu_version", "country"})


def routes() -> list[Route]:
    """The search routes."""
    return [
        Route("/api/v0/bundles/", _post, methods=["POST"]),
        Route("/api/v0/bundles/", _get, methods=["GET"]),
        Route("/api/v0/search/asks/", _put, methods=["PUT"]),
    ]


def search(world: World, query: Mapping[str, Any], *, rows_at_most: int | None = None) -> list[Row]:
    """The offers that pass a query, as rows, in its order. Raises BadFilterError.

    When more pass than its limit, the answer is a random sample of them, and a filter on `id` finds nothing
    (`ask_contract_id` is the one to use), as on the real market.
    """
    filters = {**_DEFAULTS, **{key: value for key, value in query.items() if key not in _RESERVED}}
    disk_gb = _amount(query.get("allocated_storage"), _DEFAULT_DISK_GB)
    now, bid = world.now(), query.get("type") == "bid"
    filters["disk_space"] = {**filters.get("disk_space", {}), **_at_least(disk_gb, filters.get("disk_space", {}))}
    by_time = {name: filters.pop(name) for name in _TIMES if name in filters}
    first_tests = read_conditions({name: filters.pop(name) for name in _FIRST if name in filters}, _FIRST)
    asks = list(world.asks())
    tests = read_conditions(filters, {*_columns(asks[0], disk_gb, bid=bid), *_VIRTUAL})
    few = (ask for ask in asks if all(test(_few_columns(ask)) for test in first_tests))
    every = ((ask, _columns(ask, disk_gb, bid=bid)) for ask in few)
    late_tests = read_conditions(by_time, _TIMES)
    found = [] if "id" in filters else [each for each in every if all(test(each[1]) for test in tests)]
    rows = [{**row, **times(ask, now)} for ask, row in found]
    passing = [row for row in rows if all(test(row) for test in late_tests)]
    limits = [int(limit) for limit in (query.get("limit"), rows_at_most) if limit is not None]
    chosen = _sample(passing, min(limits, default=len(passing)), world)
    return [_shown(row) for row in ordered(chosen, _order(query))]


async def _post(request: Request) -> Response:
    if request.headers.get("content-type") != "application/json":
        return refusal(400, "bad_request", "Content-Type must be application/json")
    body = await json_object(request)
    if body is None:
        return refusal(400, "bad_request", "Input should be a valid dictionary")
    return _answer(request, body)


async def _get(request: Request) -> Response:
    try:
        body = json.loads(request.query_params.get("q", "{}"))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return refusal(400, "bad_request", "q should be a valid dictionary")
    return _answer(request, body)


async def _put(request: Request) -> Response:
    body = await json_object(request)
    query = (body or {}).get("q", {})
    if not isinstance(query, dict):
        return refusal(400, "bad_request", "q: Input should be a valid dictionary")
    return _answer(request, query)


def _answer(request: Request, query: Mapping[str, Any]) -> Response:
    fault = fault_of(request)
    cap = fault.rows if fault is not None and fault.do == "cap" else None
    keyless = None if has_key(request) else _KEYLESS_ROWS
    caps = [rows for rows in (cap, keyless) if rows is not None]
    try:
        rows = search(world_of(request), query, rows_at_most=min(caps, default=None))
    except (BadFilterError, ValueError, ArithmeticError) as error:
        return refusal(400, "bad_request", str(error))
    return reply({"success": True, "offers": rows})


def _few_columns(ask: Ask) -> Row:
    return {"gpu_name": ask.machine.gpu.gpu_name, "ask_contract_id": ask.ask_id}


@lru_cache(maxsize=2048)
def _columns(ask: Ask, disk_gb: Decimal, *, bid: bool) -> Row:
    """All columns of a slice but its times; kept, for every search looks at every slice."""
    row = timeless_row(ask, disk_gb, bid=bid)
    place = str(row["geolocation"] or "")
    return {
        **row,
        "verified": row["verification"] == "verified",
        "datacenter": row["hosting_type"] == 1,
        "external": row["external"] or False,
        "ubuntu_version": row["os_version"],
        "cuda_vers": row["cuda_max_good"],
        "_driver": row["driver_version"],
        "driver_version": row["driver_vers"],
        "_place": row["geolocation"],
        "geolocation": place.split(", ")[-1] if not place.endswith(", EU") else place.split(", ")[-2],
    }


def _shown(row: Mapping[str, Any]) -> Row:
    hidden = {"verified", "datacenter", "ubuntu_version", "cuda_vers", "_driver", "_place"}
    shown = {key: value for key, value in row.items() if key not in hidden}
    return {**shown, "external": None, "driver_version": row["_driver"], "geolocation": row["_place"]}


def _at_least(disk_gb: Decimal, given: Mapping[str, Any]) -> dict[str, Any]:
    asked = _amount(given.get("gte"), disk_gb)
    return {"gte": max(asked, disk_gb)}


def _amount(value: object, default: Decimal) -> Decimal:
    return default if value is None else Decimal(str(value))


def _sample(rows: list[Row], limit: int, world: World) -> list[Row]:
    if len(rows) <= limit:
        return rows
    return random.Random(f"{world.seed}:{len(rows)}:{limit}").sample(rows, limit)


def _order(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    order = query.get("order") or [["score", "desc"]]
    return [(str(key[0]), str(key[1])) if isinstance(key, list) else (str(key), "asc") for key in order]
