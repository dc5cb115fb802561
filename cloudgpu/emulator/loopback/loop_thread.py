"""A thread with an event loop of its own, on which something is served until it is told to end."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class LoopThread:
    """Runs `serve` and returns once that called `ready`, or ended. `serve` is to end when `ending` is set."""

    loop: asyncio.AbstractEventLoop
    ending: asyncio.Event

    def __init__(self, name: str, serve: Callable[["LoopThread"], Coroutine[Any, Any, None]]) -> None:
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(serve)), name=name, daemon=True)
        self._thread.start()
        self._up.wait()

    def ready(self) -> None:
        """What is served can be used from now on."""
        self._up.set()

    def run(self, act: Callable[..., Coroutine[Any, Any, _Result]], *arguments: object) -> _Result:
        """Do something on this thread, and wait for it. Raises RuntimeError on the thread itself: it would for ever."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("the rig's own thread cannot wait for itself")
        return asyncio.run_coroutine_threadsafe(act(*arguments), self.loop).result()

    def close(self) -> None:
        """End it and wait for that; a second time changes nothing."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.ending.set)
        self.join()

    def join(self, most_s: float | None = None) -> None:
        """Wait until it has ended by itself, or so many real seconds."""
        self._thread.join(most_s)

    async def _live(self, serve: Callable[["LoopThread"], Coroutine[Any, Any, None]]) -> None:
        self.loop, self.ending = asyncio.get_running_loop(), asyncio.Event()
        try:
            await serve(self)
        finally:
            self._up.set()  # nobody waits for what will never be ready
