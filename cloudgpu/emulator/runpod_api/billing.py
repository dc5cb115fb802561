"""The bill: one record a pod and bucket of time. Its amounts are differences of running totals, so any cut adds up."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.money import ZERO
from cloudgpu.emulator.instances.billing import meters
from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.runpod_api.buckets import bucket_of, following
from cloudgpu.emulator.runpod_api.pod_row import Row
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api.body import runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world.world import World

_AMOUNTS = ("totalAmount", "gpuAmount", "cpuAmount", "diskAmount")
_DEFAULT_SPAN = timedelta(days=30)
_MICROSECOND = timedelta(microseconds=1)


def routes() -> list[Route]:
    """The routes of the bill."""
    return [Route("/v2/billing/pods", _pods, methods=["GET"])]


async def _pods(request: Request) -> Response:
    world, params = runpod_of(request), request.query_params
    try:
        bucket = params.get("bucketSize", "day")
        start, end = _window(params, bucket, world.now())
    except (KeyError, ValueError, OverflowError) as error:
        return problem(422, f"the window or the bucket is not valid: {error}")
    records = [
        record
        for instance in world.all_instances()
        if instance.pod is not None and params.get("podId") in (None, instance.pod.pod_id)
        for record in _records(instance, start, end, bucket, world)
    ]
    totals = {name: sum((record[name] for record in records), ZERO) for name in _AMOUNTS}
    pods = len({record["podId"] for record in records})
    query = {"startTime": utc_text(start), "endTime": utc_text(end), "bucketSize": bucket}
    metadata = {"query": query, "recordCount": len(records), "uniquePodCount": pods, "totals": totals}
    return reply({"records": records, "metadata": metadata})


def _window(params: Mapping[str, str], bucket: str, now: datetime) -> tuple[datetime, datetime]:
    """Snapped outwards to the borders of the buckets."""
    last = parse_utc(params["endTime"]) if "endTime" in params else now
    floor = bucket_of(last, bucket)
    end = last if floor == last else following(floor, bucket)
    if "lastN" in params:
        start = end
        for _ in range(int(params["lastN"])):
            start = bucket_of(start - _MICROSECOND, bucket)
        return start, end
    return bucket_of(parse_utc(params["startTime"]) if "startTime" in params else now - _DEFAULT_SPAN, bucket), end


def _records(instance: Instance, start: datetime, end: datetime, bucket: str, world: World) -> Iterator[Row]:
    first = max(start, bucket_of(instance.created_at, bucket))
    while first < min(end, world.now()):
        after = following(first, bucket)
        amounts = _amounts(instance, first, min(after, world.now()))
        if any(amounts.values()):
            assert instance.pod is not None
            yield {
                "startTime": utc_text(first),
                "endTime": utc_text(after),
                "podId": instance.pod.pod_id,
                "totalAmount": sum(amounts.values(), ZERO),
                "gpuAmount": amounts["gpu"],
                "cpuAmount": ZERO,
                "diskAmount": amounts["disk"],
            }
        first = after


def _amounts(instance: Instance, start: datetime, end: datetime) -> dict[str, Decimal]:
    amounts = {"gpu": ZERO, "disk": ZERO}
    for meter in meters(instance):  # traffic is free here, and has no meter
        amounts[meter.name] += meter.usd(start, end)
    return amounts
