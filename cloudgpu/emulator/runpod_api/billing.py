"""The bill: one record a pod and bucket of time. Its amounts are differences of running totals, so any cut adds up."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.money import ZERO
from cloudgpu.emulator.billing import meters
from cloudgpu.emulator.instance import Instance
from cloudgpu.emulator.runpod_api.pod_row import Row
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api.body import runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world import World

_BUCKETS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
_DEFAULT_SPAN = timedelta(days=30)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def routes() -> list[Route]:
    """The routes of the bill."""
    return [Route("/v2/billing/pods", _pods, methods=["GET"])]


async def _pods(request: Request) -> Response:
    world, params = runpod_of(request), request.query_params
    try:
        bucket = _BUCKETS[params.get("bucketSize", "day")]
        start, end = _window(params, bucket, world.now())
    except (KeyError, ValueError) as error:
        return problem(422, f"the window or the bucket is not valid: {error}")
    records = [
        record
        for instance in world.all_instances()
        if instance.pod is not None and params.get("podId") in (None, instance.pod.pod_id)
        for record in _records(instance, start, end, bucket, world)
    ]
    total = sum((record["totalAmount"] for record in records), ZERO)
    pods = len({record["podId"] for record in records})
    query = {"startTime": utc_text(start), "endTime": utc_text(end), "bucketSize": params.get("bucketSize", "day")}
    metadata = {"query": query, "recordCount": len(records), "uniquePodCount": pods, "totals": {"totalAmount": total}}
    return reply({"records": records, "metadata": metadata})


def _window(params: Mapping[str, str], bucket: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """Snapped outwards to the borders of the buckets."""
    end = _snapped(parse_utc(params["endTime"]) if "endTime" in params else now, bucket, up=True)
    if "lastN" in params:
        return end - int(params["lastN"]) * bucket, end
    start = parse_utc(params["startTime"]) if "startTime" in params else now - _DEFAULT_SPAN
    return _snapped(start, bucket, up=False), end


def _snapped(moment: datetime, bucket: timedelta, *, up: bool) -> datetime:
    over = (moment - _MONDAY) % bucket
    return moment - over + (bucket if up and over else timedelta(0))


def _records(instance: Instance, start: datetime, end: datetime, bucket: timedelta, world: World) -> Iterator[Row]:
    first = max(start, _snapped(instance.created_at, bucket, up=False))
    while first < min(end, world.now()):
        amounts = _amounts(instance, first, min(first + bucket, world.now()))
        if any(amounts.values()):
            assert instance.pod is not None
            yield {
                "startTime": utc_text(first),
                "endTime": utc_text(first + bucket),
                "podId": instance.pod.pod_id,
                "totalAmount": sum(amounts.values(), ZERO),
                "gpuAmount": amounts["gpu"],
                "cpuAmount": ZERO,
                "diskAmount": amounts["disk"],
            }
        first += bucket


def _amounts(instance: Instance, start: datetime, end: datetime) -> dict[str, Decimal]:
    amounts = {"gpu": ZERO, "disk": ZERO}
    for meter in meters(instance):
        amounts[meter.name] += meter.usd(start, end)
    return amounts
