"""The two addresses that Prometheus asks: /metrics and /targets."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from cloudgpu.base.extra import need
from cloudgpu.cli.metrics.engines import engine_targets
from cloudgpu.cli.metrics.exposition import exposition
from cloudgpu.cli.session import Session


def metrics_app(session: Session) -> Starlette:
    """An application on this session. Raises UsageError without the extra `metrics`, before anything listens."""
    kind = need("prometheus_client", "metrics").CONTENT_TYPE_LATEST

    def metrics(_: Request) -> PlainTextResponse:
        return PlainTextResponse(exposition(session), headers={"Content-Type": kind})

    def targets(_: Request) -> JSONResponse:
        return JSONResponse(engine_targets(session))

    return Starlette(routes=[Route("/metrics", metrics), Route("/targets", targets)])
