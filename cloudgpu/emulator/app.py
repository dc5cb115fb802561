"""The emulator as one ASGI application: each vendor's routes behind its gate, and its own."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from cloudgpu.base.secret import Secret
from cloudgpu.emulator import control, runpod_api
from cloudgpu.emulator.markets import Markets
from cloudgpu.emulator.runpod_api.gate import runpod_gate
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api import account, asks, bids, bundles, charges, instances, logs, names
from cloudgpu.emulator.vast_api.gate import gate


@dataclass(slots=True, kw_only=True)
class AppState:
    """What the routes reach: the markets, the key of each account, the process' own token, its end."""

    markets: Markets
    api_key: Secret
    runpod_api_key: Secret
    token: str
    stop: Callable[[], None]


class EmulatorApp:
    """Routes a request through the gate of its market. Paths match with exactly their own slashes, as Vast's do."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        vast = (account, asks, bids, bundles, charges, instances, logs, names)
        self._routes: list[Route] = [route for group in (*vast, runpod_api, control) for route in group.routes()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request({**scope, "app": self}, receive)
        answer = await runpod_gate(request, self._behind_gates)
        await answer(scope, receive, send)

    async def _behind_gates(self, request: Request) -> Response:
        return await gate(request, self._settled)

    async def _settled(self, request: Request) -> Response:
        answer = await self._answer(request)
        await self.state.markets.settle()
        return answer

    async def _answer(self, request: Request) -> Response:
        known = False
        for route in self._routes:
            match, found = route.matches(request.scope)
            if match is Match.FULL:
                request.scope.update(found)
                answer: Response = await route.endpoint(request)
                return answer
            known = known or match is Match.PARTIAL
        return _no_route(request.url.path, 405 if known else 404)


def _no_route(path: str, status: int) -> Response:
    """What a market says to a path, or a method, that it does not have. RunPod's first REST API is gone altogether."""
    if path.startswith("/v1/"):
        return problem(410, "REST v1 was retired on 2026-11-15: use v2")
    if path.startswith("/v2/"):
        return problem(status, "resource not found" if status == 404 else "The method is not allowed for this path.")
    return PlainTextResponse("Method Not Allowed" if status == 405 else "Not Found", status)
