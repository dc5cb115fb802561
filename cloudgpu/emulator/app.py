"""The emulator as one ASGI application: each vendor's routes behind its gate, and its own."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response

from cloudgpu.emulator import control, runpod_api
from cloudgpu.emulator.runpod_api.gate import runpod_gate
from cloudgpu.emulator.strike import Proceed
from cloudgpu.emulator.vast_api import account, asks, bundles, charges, instances, logs, names
from cloudgpu.emulator.vast_api.gate import gate
from cloudgpu.emulator.world import World


def emulator_app(
    world: World,
    *,
    runpod: World,
    api_key: str,
    token: str,
    after: Callable[[], Awaitable[None]],
    stop: Callable[[], None],
) -> Starlette:
    """The application over Vast.ai's world and RunPod's; one key opens both accounts.

    `after` runs once the effect of a request is there and before its answer leaves.
    """

    async def settled(request: Request, proceed: Proceed) -> Response:
        answer = await proceed(request)
        await after()
        return answer

    vast = (account, asks, bundles, charges, instances, logs, names)
    app = Starlette(
        routes=[route for group in (*vast, runpod_api, control) for route in group.routes()],
        middleware=[
            Middleware(BaseHTTPMiddleware, dispatch=runpod_gate),
            Middleware(BaseHTTPMiddleware, dispatch=gate),
            Middleware(BaseHTTPMiddleware, dispatch=settled),
        ],
    )
    app.router.redirect_slashes = False  # Vast knows each path with exactly its own slashes
    for name, value in _state(world, runpod, api_key, token, stop).items():
        setattr(app.state, name, value)
    return app


def _state(world: World, runpod: World, api_key: str, token: str, stop: Callable[[], None]) -> Mapping[str, object]:
    return {"world": world, "runpod": runpod, "api_key": api_key, "token": token, "stop": stop}
