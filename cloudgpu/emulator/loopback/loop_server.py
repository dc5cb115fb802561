"""A uvicorn server that shares its event loop and leaves signals to the process."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TICK_S = 0.1


class HungUp(Response):
    """No answer at all: the connection ends without another byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Drop the connection, and wait until the server has seen that it is gone."""
        scope["hang_up"]()
        await asyncio.sleep(0)


class _Connection(H11Protocol):
    """A connection that lets the application end it (`scope["hang_up"]`)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        answer = self.app

        async def able_to_hang_up(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - uvicorn's own types
            await answer({**scope, "hang_up": transport.abort}, receive, send)

        self.app = able_to_hang_up


class LoopServer(uvicorn.Server):
    """One application on one socket."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                log_config=None,
                lifespan="off",
                access_log=False,
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        self._sock = sock
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: one process holds many servers."""
        yield

    async def begin(self) -> None:
        """Listen; returns when connections are accepted."""
        self._task = asyncio.create_task(self.serve(sockets=[self._sock]))
        while not self.started and not self._task.done():
            await asyncio.sleep(0.001)

    async def main_loop(self) -> None:
        """Tick as uvicorn does, but end the moment `end` is called instead of at the next tick."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _TICK_S)

    def end(self) -> None:
        """Close the port at once; what is still open is dropped a moment later (see `ended`)."""
        for server in getattr(self, "servers", ()):
            server.close()
        self._sock.close()
        self.should_exit = True
        self.force_exit = True
        self._ending.set()

    def is_up(self) -> bool:
        """Whether anything of it is left."""
        return self._task is not None and not self._task.done()

    async def ended(self) -> None:
        """Wait until nothing of it is left."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
