"""The emulator as one ASGI application: Vast's routes behind the gate, and its own."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response

from cloudgpu.emulator import control
from cloudgpu.emulator.vast_api import account, asks, bundles, charges, instances, logs, names
from cloudgpu.emulator.vast_api.gate import Proceed, gate
from cloudgpu.emulator.world import World


def emulator_app(
    world: World, *, api_key: str, token: str, after: Callable[[], Awaitable[None]], stop: Callable[[], None]
) -> Starlette:
    """The application. `after` runs once the effect of a request is there and before its answer leaves."""

    async def settled(request: Request, proceed: Proceed) -> Response:
        answer = await proceed(request)
        await after()
        return answer

    vast = (account, asks, bundles, charges, instances, logs, names)
    app = Starlette(
        routes=[route for group in (*vast, control) for route in group.routes()],
        middleware=[
            Middleware(BaseHTTPMiddleware, dispatch=gate),
            Middleware(BaseHTTPMiddleware, dispatch=settled),
        ],
    )
    app.router.redirect_slashes = False  # Vast knows each path with exactly its own slashes
    for name, value in _state(world, api_key, token, stop).items():
        setattr(app.state, name, value)
    return app


def _state(world: World, api_key: str, token: str, stop: Callable[[], None]) -> Mapping[str, object]:
    return {"world": world, "api_key": api_key, "token": token, "stop": stop}
