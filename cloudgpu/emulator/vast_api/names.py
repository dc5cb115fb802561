"""Names that need no key: GET /api/v0/gpu_names/unique/."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.figures import gpu_kinds
from cloudgpu.emulator.vast_api.reply import reply


def routes() -> list[Route]:
    """The catalogue routes."""
    return [Route("/api/v0/gpu_names/unique/", _gpu_names, methods=["GET"])]


async def _gpu_names(request: Request) -> Response:  # noqa: ARG001 - every request gets the same answer
    return reply({"success": True, "gpu_names": sorted({kind.gpu_name for kind in gpu_kinds()})})
