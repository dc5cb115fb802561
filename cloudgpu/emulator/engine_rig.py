"""One model server by itself, with a timing that is known exactly: what a bench or a gateway is tried against.

    with EngineRig(model="org/model", ttft_s=0.2, tokens_per_s=100) as engine:
        engine.url                                   # OpenAI-compatible; engine.api_key when it wants one
        engine.fault("dies_mid_stream", tokens=8)    # or slow, garbage, 500, 503, timeout, pace; on="health" too
        engine.counters.running                      # what it counts

It answers from a thread of this process. Where the client must not share a processor's time with it, start it by
itself: `python -m cloudgpu.emulator engine --ttft-s 0.2 --tokens-per-s 100` prints its address and serves until its
standard input ends. Only loopback is reached.
"""

import socket
from dataclasses import replace
from types import TracebackType
from typing import Self

from cloudgpu.emulator.faults.fault import Fault, first_that_strikes
from cloudgpu.emulator.faults.script import read_fault
from cloudgpu.emulator.loopback.loop_server import LoopServer
from cloudgpu.emulator.loopback.loop_thread import LoopThread
from cloudgpu.emulator.loopback.ports import LOOPBACK, loopback_socket
from cloudgpu.emulator.model_server.app import ModelServerSpec, model_app
from cloudgpu.emulator.model_server.metrics import Counters
from cloudgpu.emulator.model_server.pace import known_pace

_VERSION = "0.25.1"


class EngineRig:
    """A model server until it is closed, or dies of a fault. Times are real seconds. See the module's example."""

    def __init__(
        self,
        *,
        model: str = "Qwen/Qwen3-0.6B",
        ttft_s: float = 0.0,
        tokens_per_s: float = 1000.0,
        api_key: str | None = None,
        max_model_len: int = 32_768,
        port: int = 0,
    ) -> None:
        self.api_key = api_key
        self._faults: tuple[Fault, ...] = ()
        self._numbers = 0
        self.counters = Counters()
        self._spec = ModelServerSpec(
            model=model,
            names=(model,),
            adapters=(),
            api_keys=(api_key,) if api_key else (),
            version=_VERSION,
            max_model_len=max_model_len,
            pace=known_pace(ttft_s, tokens_per_s),
            created_s=0,
            trouble=self._strikes,
            died=self._died,
            counters=self.counters,
        )
        self._sock = _bound(port)
        self.url = f"http://{LOOPBACK}:{self._sock.getsockname()[1]}"
        self._thread = LoopThread("engine", self._serve)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; a second time changes nothing."""
        self._thread.close()

    def fault(self, do: str, *, on: str = "engine", **options: object) -> None:
        """Let something be wrong with the answers from now on (see `faults.kinds`). Raises ValueError."""
        self._numbers += 1
        wanted = replace(read_fault({"on": on, "do": do, **options}), fault_id=self._numbers)
        self._faults = (*self._faults, wanted)

    def clear_faults(self) -> None:
        """Let everything be well again."""
        self._faults = ()

    def _strikes(self, place: str) -> Fault | None:
        matching = [fault for fault in self._faults if fault.on == place]
        struck, self._faults = first_that_strikes(self._faults, matching, seed=0)
        return struck

    def _died(self) -> None:
        self._thread.loop.call_soon(self._thread.ending.set)

    async def _serve(self, thread: LoopThread) -> None:
        server = LoopServer(model_app(self._spec), self._sock)
        await server.begin()
        thread.ready()
        await thread.ending.wait()
        server.end()
        await server.ended()


def _bound(port: int) -> socket.socket:
    sock = loopback_socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port != 0))
    sock.bind((LOOPBACK, port))
    return sock
