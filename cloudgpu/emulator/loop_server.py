"""A uvicorn server that shares its event loop and leaves signals to the process."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class LoopServer(uvicorn.Server):
    """One application on one socket."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app, log_config=None, lifespan="off", access_log=False, ws="none", timeout_graceful_shutdown=1
            )
        )
        self._sock = sock
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: one process holds many servers."""
        yield

    async def begin(self) -> None:
        """Listen; returns when connections are accepted."""
        self._task = asyncio.create_task(self.serve(sockets=[self._sock]))
        while not self.started and not self._task.done():
            await asyncio.sleep(0.001)

    async def end(self) -> None:
        """Close the port at once and drop what is still open."""
        for server in getattr(self, "servers", ()):
            server.close()
        self._sock.close()
        self.should_exit = True
        self.force_exit = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
