"""Reading and changing instances, one by one and as the paged list of API v1."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.fleet.offer_row import Row
from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.vast_api.body import fault_of, json_object, world_of
from cloudgpu.emulator.vast_api.filters import BadFilterError, ordered, read_conditions
from cloudgpu.emulator.vast_api.instance_row import STORED_COLUMNS, instance_row
from cloudgpu.emulator.vast_api.reply import refusal, reply
from cloudgpu.emulator.world.world import World

_MOST_ROWS = 25
_LONGEST_LABEL = 1024


def routes() -> list[Route]:
    """The routes of instances, less logs."""
    one = "/api/v0/instances/{instance_id:int}/"
    return [
        Route("/api/v1/instances/", _list, methods=["GET"]),
        Route("/api/v0/instances/", _dead_list, methods=["GET"]),
        Route("/api/v0/instances/", _destroy_many, methods=["DELETE"]),
        Route("/api/v0/instances/", _change_many, methods=["PUT"]),
        Route(one, _show, methods=["GET"]),
        Route(one, _change, methods=["PUT"]),
        Route(one, _destroy, methods=["DELETE"]),
        Route("/api/v0/instances/reboot/{instance_id:int}/", _reboot, methods=["PUT"]),
        Route("/api/v0/instances/recycle/{instance_id:int}/", _reboot, methods=["PUT"]),
        Route("/api/v0/contracts/fetch/", _contracts, methods=["POST"]),
    ]


async def _dead_list(request: Request) -> Response:  # noqa: ARG001 - every request gets the same answer
    return refusal(410, "deprecated_endpoint", "This endpoint is gone; use GET /api/v1/instances/ instead.")


async def _list(request: Request) -> Response:
    try:
        page = _page(_shown(request), world_of(request), request.query_params)
    except (BadFilterError, ValueError, TypeError, KeyError) as error:
        return refusal(400, "bad_request", str(error))
    fault = fault_of(request)
    if fault is not None and fault.do == "short":
        page = {**page, "instances": page["instances"][:-1]}
    return reply({"success": True, **page})


def _page(instances: Sequence[Instance], world: World, params: Mapping[str, str]) -> dict[str, Any]:
    rows = _rows(instances, world)
    tests = read_conditions(json.loads(params.get("select_filters", "{}")), STORED_COLUMNS)
    found = [row for row in rows if all(test(row) for test in tests)]
    order = _order(json.loads(params.get("order_by", "[]")))
    sorted_rows = ordered(found, order)
    start = _start(params.get("after_token"), sorted_rows)
    limit = max(1, min(_MOST_ROWS, int(params.get("limit", _MOST_ROWS))))
    page, rest = sorted_rows[start : start + limit], sorted_rows[start + limit :]
    return {
        "instances": [_columns(row, params.get("select_cols")) for row in page],
        "instances_found": len(found),
        "total_instances": len(rows),
        "label_counts": _label_counts(rows),
        "next_token": _token(page[-1]) if rest else None,
    }


def _rows(instances: Sequence[Instance], world: World) -> list[Row]:
    now = world.now()
    return [instance_row(instance, world.machine(instance), now) for instance in instances]


def _shown(request: Request) -> list[Instance]:
    """The instances that this call knows of: a replica that lags behind knows no young ones."""
    world, fault = world_of(request), fault_of(request)
    lag_s = fault.seconds if fault is not None and fault.do == "late" else 0.0
    return [each for each in world.instances() if (world.now() - each.created_at).total_seconds() >= lag_s]


def _order(keys: list[Any]) -> list[tuple[str, str]]:
    order = [(str(key["col"]), str(key.get("dir", "asc"))) for key in keys]
    for column, _ in order:
        if column not in STORED_COLUMNS:
            raise BadFilterError(f"Invalid column: {column}")
    return [*order, ("id", "asc")]


def _token(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps({"id": row["id"]}).encode()).decode()


def _start(token: str | None, rows: list[Row]) -> int:
    if not token:
        return 0
    try:
        after = json.loads(base64.urlsafe_b64decode(token))["id"]
    except (ValueError, KeyError, TypeError):
        raise BadFilterError("invalid after_token") from None
    ids = [row["id"] for row in rows]
    return ids.index(after) + 1 if after in ids else sum(each < after for each in ids)


def _columns(row: Mapping[str, Any], columns: str | None) -> Row:
    wanted = json.loads(columns) if columns else ["*"]
    return dict(row) if "*" in wanted else {name: row.get(name) for name in wanted}


def _label_counts(rows: list[Row]) -> dict[str, int]:
    labels = [str(row["label"] or "") for row in rows]
    return {label: labels.count(label) for label in sorted(set(labels))}


async def _show(request: Request) -> Response:
    world, instance = _instance(request)
    row = None if instance is None else instance_row(instance, world.machine(instance), world.now())
    return reply({"instances": row})


async def _change(request: Request) -> Response:
    world, instance = _instance(request)
    if instance is None:
        return _absent(request)
    body = await json_object(request) or {}
    fault = fault_of(request)
    if "label" in body:
        return _relabel(world, instance, body["label"])
    if body.get("state") == "running" and fault is not None and fault.do == "queued":
        world.queue(instance, fault.seconds)
        return refusal(400, "unavailable", "Required resources are currently unavailable, state change queued.")
    if body.get("state") not in ("running", "stopped"):
        return refusal(400, "invalid_args", "state must be running or stopped")
    if body["state"] == "running" and world.credit_usd() <= 0:
        return refusal(400, "insufficient_credit", "Your account lacks credit; see the billing page.")
    _turn(world, instance, body["state"])
    return reply({"success": True})


async def _change_many(request: Request) -> Response:
    return await _with_each(request, "ids", lambda world, instance, body: _turn(world, instance, body.get("state")))


async def _destroy_many(request: Request) -> Response:
    return await _with_each(request, "instance_ids", lambda world, instance, _: world.destroy(instance))


async def _with_each(
    request: Request, field: str, act: Callable[[World, Instance, Mapping[str, Any]], None]
) -> Response:
    world, body = world_of(request), await json_object(request) or {}
    for instance_id in body.get(field) or ():
        instance = world.instance(int(instance_id))
        if instance is not None:
            act(world, instance, body)
    return reply({"success": True})


async def _destroy(request: Request) -> Response:
    world, instance = _instance(request)
    if instance is None:
        return _absent(request)
    fault = fault_of(request)
    tail_s = fault.seconds if fault is not None and fault.do == "billing_tail" else 0.0
    world.destroy(instance, billing_tail_s=tail_s)
    return reply({"success": True})


async def _reboot(request: Request) -> Response:
    world, instance = _instance(request)
    if instance is None:
        return _absent(request)
    world.stop(instance)
    world.start(world.instance(instance.instance_id) or instance)
    return reply({"success": True})


async def _contracts(request: Request) -> Response:
    world, body = world_of(request), await json_object(request) or {}
    ids = [int(each) for each in body.get("contract_ids") or ()]
    rows = [
        row
        for row in _rows(world.instances(), world)
        if ("label" not in body or row["label"] == body["label"]) and (not ids or row["id"] in ids)
    ]
    return reply({"success": True, "contracts": rows})


def _instance(request: Request) -> tuple[World, Instance | None]:
    instance_id = int(request.path_params["instance_id"])
    return world_of(request), next((each for each in _shown(request) if each.instance_id == instance_id), None)


def _absent(request: Request) -> Response:
    return refusal(404, "no_such_instance", f"Instance {request.path_params['instance_id']} not found.")


def _relabel(world: World, instance: Instance, label: object) -> Response:
    if label is not None and (not isinstance(label, str) or len(label) > _LONGEST_LABEL):
        return refusal(400, "invalid_args", f"label must be text of at most {_LONGEST_LABEL} characters")
    world.relabel(instance, label)
    return reply({"success": True})


def _turn(world: World, instance: Instance, state: object) -> None:
    if state == "stopped":
        world.stop(instance)
    elif state == "running":
        world.start(instance)
