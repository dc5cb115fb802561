"""The server's routes: /health, /version, /metrics without a key, everything under /v1 with it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.model_server.completions import chat_completions, completions
from cloudgpu.emulator.model_server.embeddings import embeddings
from cloudgpu.emulator.model_server.metrics import Counters, metrics_text
from cloudgpu.emulator.model_server.pace import Pace
from cloudgpu.emulator.model_server.trouble import refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServerSpec:
    """What one server serves. `names` are the ids it answers to, the first its own.

    `pace` is how fast it answers when nothing is wrong. `trouble` is asked at every completion (with "engine") and
    health check ("health") for the fault that strikes it; `died` is called when a fault has ended the engine.
    """

    model: str
    names: tuple[str, ...]
    adapters: tuple[str, ...]
    api_keys: tuple[str, ...]
    version: str
    max_model_len: int
    pace: Pace
    created_s: int
    trouble: Callable[[str], Fault | None] = lambda _: None
    died: Callable[[], None] = lambda: None
    counters: Counters = field(default_factory=Counters)


def model_app(spec: ModelServerSpec) -> Starlette:
    """The ASGI application of one engine."""
    app = Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/ping", _health, methods=["GET", "POST"]),
            Route("/version", _version, methods=["GET"]),
            Route("/metrics", _metrics, methods=["GET"]),
            Route("/load", _load, methods=["GET"]),
            Route("/v1/models", _models, methods=["GET"]),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
        ],
        middleware=[Middleware(_KeyCheck, api_keys=spec.api_keys)],
    )
    app.state.spec = spec
    return app


class _KeyCheck:
    """vLLM's own rule: a bearer token on every path under /v1, none elsewhere."""

    def __init__(self, app: ASGIApp, api_keys: tuple[str, ...]) -> None:
        self._app = app
        self._accepted = {f"Bearer {key}".encode() for key in api_keys}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1") and self._accepted:
            given = dict(scope["headers"]).get(b"authorization", b"")
            if given not in self._accepted:
                await JSONResponse({"error": "Unauthorized"}, 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _health(request: Request) -> Response:
    """Being asked at all is the check; an engine that has died inside a living server says 503, as vLLM does."""
    fault = request.app.state.spec.trouble("health")
    return Response(status_code=200) if fault is None else await refused(fault)


async def _version(request: Request) -> Response:
    return JSONResponse({"version": request.app.state.spec.version})


async def _metrics(request: Request) -> Response:
    spec = request.app.state.spec
    return PlainTextResponse(metrics_text(spec.counters, spec.names[0]), media_type="text/plain; version=0.0.4")


async def _load(request: Request) -> Response:
    return JSONResponse({"server_load": request.app.state.spec.counters.running})


async def _models(request: Request) -> Response:
    spec = request.app.state.spec
    rows = [_model_row(spec, name, root=spec.model, parent=None) for name in spec.names]
    rows += [_model_row(spec, name, root=name, parent=spec.names[0]) for name in spec.adapters]
    return JSONResponse({"object": "list", "data": rows})


def _model_row(spec: ModelServerSpec, name: str, *, root: str, parent: str | None) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": spec.created_s,
        "owned_by": "vllm",
        "root": root,
        "parent": parent,
        "max_model_len": spec.max_model_len,
        "permission": [],
    }
