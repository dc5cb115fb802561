"""The catalogue: GPU types with list prices and stock, and the data centres."""

from collections.abc import Mapping
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.fleet.machine import Machine
from cloudgpu.emulator.fleet.runpod import DATA_CENTRES, PodType, country_of, pod_types
from cloudgpu.emulator.runpod_api.pod_row import Row
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.runpod_api.stock import Wish, free_machines, level, machines_of
from cloudgpu.emulator.vast_api.body import runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world.world import World

_PLACEHOLDER_USD = Decimal("0.5")
_REGIONS = {"EU": "EUROPE", "EUR": "EUROPE", "US": "NORTH_AMERICA", "CA": "NORTH_AMERICA", "AP": "ASIA"}
_SENTINEL: Row = {
    "id": "unknown", "name": "unknown", "pool": None, "manufacturer": "UNKNOWN", "memory": 0, "secure": False,
    "community": False, "price": {"secure": 0, "community": 0}, "maxCount": {"secure": 0, "community": 0},
}  # fmt: skip


def routes() -> list[Route]:
    """The routes of the catalogue."""
    return [
        Route("/v2/catalog/gpus", _gpus, methods=["GET"]),
        Route("/v2/catalog/gpus/{gpu_id}", _gpu, methods=["GET"]),
        Route("/v2/catalog/datacenters", _centres, methods=["GET"]),
    ]


def gpu_row(kind: PodType) -> Row:
    """A type without its stock. Where a cloud does not have it, the price is a placeholder that means nothing."""
    secure, community = kind.usd("SECURE"), kind.usd("COMMUNITY")
    return {
        "id": kind.runpod_id,
        "name": kind.display_name,
        "pool": kind.pool,
        "manufacturer": kind.manufacturer,
        "memory": kind.memory_gb,
        "secure": secure is not None,
        "community": community is not None,
        "price": {
            "secure": _PLACEHOLDER_USD if secure is None else secure,
            "community": _PLACEHOLDER_USD if community is None else community,
        },
        "maxCount": {
            "secure": min(8, kind.max_count) if secure is not None else 0,
            "community": min(8, kind.max_count) if community is not None else 0,
        },
    }


async def _gpus(request: Request) -> Response:
    wrong = _wrong(request.query_params)
    if wrong is not None:
        return wrong
    rows = [_row(request, kind) for kind in pod_types()]
    return reply({"gpus": [*rows, _SENTINEL]})


async def _gpu(request: Request) -> Response:
    wrong = _wrong(request.query_params)
    if wrong is not None:
        return wrong
    for kind in pod_types():
        if kind.runpod_id == request.path_params["gpu_id"]:
            return reply(_row(request, kind))
    return problem(404, "GPU type not found")


def _wrong(params: Mapping[str, str]) -> Response | None:
    included = params.get("include")
    if included not in (None, "AVAILABILITY"):
        return problem(422, f"include: {included!r} is not supported")
    if included and "product" not in params:
        return problem(400, "product is required with include=AVAILABILITY")
    if not included and {"product", "count", "cloud", "minCudaVersion", "countryCodes"} & set(params):
        return problem(400, "product, count, cloud and the like are valid only with include=AVAILABILITY")
    if not params.get("count", "1").isdigit():
        return problem(422, "count: is no number")
    return None


def _row(request: Request, kind: PodType) -> Row:
    row = gpu_row(kind)
    return (
        {**row, **_stock(runpod_of(request), kind, request.query_params)} if "include" in request.query_params else row
    )


def _stock(world: World, kind: PodType, params: Mapping[str, str]) -> Row:
    cloud = params.get("cloud", "SECURE")
    countries = tuple(filter(None, params.get("countryCodes", "").split(",")))
    centres = tuple(each for each in DATA_CENTRES if not countries or country_of(each) in countries)
    wish = Wish(
        gpu_type=kind.runpod_id, gpu_count=int(params.get("count", "1")), cloud=cloud, data_centres=centres,
        min_cuda=_minor(params.get("minCudaVersion")),
    )  # fmt: skip
    free = list(free_machines(world, wish))
    every = [m for m in machines_of(world, kind.runpod_id, cloud) if m.geolocation in centres]
    return {
        "availability": level(world, free),
        "dataCenters": [
            {"id": m.geolocation, "name": m.geolocation, "availability": level(world, [m] if m in free else [])}
            for m in every
        ],
        "cudaVersions": [
            {"version": version, "available": any(f"{m.cuda_max:.1f}" == version for m in free)}
            for version in sorted({f"{m.cuda_max:.1f}" for m in every})
        ],
    }


def _minor(version: str | None) -> str | None:
    return version if version is None or "." in version else f"{version}.0"


async def _centres(request: Request) -> Response:
    world = runpod_of(request)
    rows = [
        {
            "id": centre,
            "name": centre,
            "region": _REGIONS[centre.partition("-")[0]],
            "globalNetwork": True,
            "networkVolumeTypes": ["STANDARD"],
            "compliance": [],
            "gpuAvailability": [
                {
                    "id": kind.runpod_id,
                    "name": kind.display_name,
                    "availability": level(world, _in(world, kind, centre)),
                }
                for kind in pod_types()
            ],
        }
        for centre in DATA_CENTRES
    ]
    return reply({"dataCenters": rows})


def _in(world: World, kind: PodType, centre: str) -> list[Machine]:
    return [m for m in machines_of(world, kind.runpod_id, "SECURE") if m.geolocation == centre]
