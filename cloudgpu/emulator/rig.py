"""The emulator inside a test's own process: a thread serves both markets over loopback HTTP, on a clock that stands.

    with Rig(seed=1) as rig:
        rig.url, rig.vast_key, rig.runpod_key   # where the adapters go, each with a key of its own
        rig.clock                               # hand it to whatever is tested: its sleeps move the market on
        rig.advance(3600)                       # or move it by hand
        rig.fault("vast", on="create", do="502_after_effect")
        rig.rented()                            # what exists and what it costs now: the truth to compare with
        rig.reset(seed=2)                       # another market, nothing rented, the same address: milliseconds
    before = rig.snapshot()                 # everything as it is now,
    rig.restore(before)                     # and again, as often as one likes

Nothing is written to disk but the clock's own eight bytes; another process that opens `StandingClock(rig.clock.path)`
shares the time. Only loopback is reached, and nothing here costs money.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from cloudgpu.base.errors import PortInUseError
from cloudgpu.base.secret import Secret
from cloudgpu.emulator.app import AppState, EmulatorApp
from cloudgpu.emulator.faults.script import read_fault, read_fault_file
from cloudgpu.emulator.instances.instance import Instance, id_of
from cloudgpu.emulator.loopback.loop_server import LoopServer
from cloudgpu.emulator.loopback.loop_thread import LoopThread
from cloudgpu.emulator.loopback.ports import LOOPBACK, loopback_socket
from cloudgpu.emulator.markets import Markets, Snapshot
from cloudgpu.emulator.received import Received, Recorded, Recorder
from cloudgpu.emulator.rented import Rented, rented
from cloudgpu.emulator.standing_clock import StandingClock
from cloudgpu.emulator.world.world import World

START = datetime(2026, 3, 1, tzinfo=UTC)
"""What the clock shows when a story begins."""

_Result = TypeVar("_Result")


class Rig:
    """Both markets, served from a thread of this process until it is closed. See the module's example."""

    def __init__(self, *, seed: int = 1, vast_key: str | None = None, runpod_key: str | None = None) -> None:
        self.vast_key = Secret(vast_key or f"vast-{secrets.token_hex(16)}")
        self.runpod_key = Secret(runpod_key or f"rpa_{secrets.token_hex(16)}")
        self._folder = tempfile.TemporaryDirectory(prefix="cloudgpu-rig-")
        self.clock = StandingClock(Path(self._folder.name) / "clock", START)
        self._seed = seed
        self._recorder = Recorder()
        self._closing: list[asyncio.Task[None]] = []
        self._thread = LoopThread("rig", self._serve)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every port and end the thread."""
        self._thread.close()
        self._folder.cleanup()

    def reset(self, *, seed: int | None = None, at: datetime = START) -> None:
        """Forget everything but address and keys, and begin a market (with another `seed`, if given) at a moment."""
        self._seed = self._seed if seed is None else seed
        self._thread.run(self._begin_again, at)

    def snapshot(self) -> Snapshot:
        """Both markets as they are now, with what was received; for `restore`, as often as one likes."""
        return self._call(self._state.markets.snapshot)

    def restore(self, kept: Snapshot) -> None:
        """Let everything be as it was then: clock, machines, money, faults. Instances serve again at their addresses.

        Their engines count anew. Raises PortInUseError when another program has taken one of those since.
        """
        self._seed = kept.vast.seed
        self._thread.run(self._begin_again, kept.at, kept)
        if self._call(lambda: [each.state.instances for each in self._state.markets.worlds]) != [
            kept.vast.instances, kept.runpod.instances
        ]:  # fmt: skip
            raise PortInUseError("another program listens where an instance of the snapshot did")
        self._thread.run(self._state.markets.settle)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, and let happen what they bring."""
        self.clock.sleep(seconds)
        self._thread.run(self._state.markets.settle)

    def fault(self, provider: str, **script: object) -> None:
        """Add a fault script of `vast` or `runpod`. Raises ValueError for one that means nothing."""
        wanted = read_fault({"provider": provider, **script})
        self._call(lambda: self._world(provider).faults.add(wanted))
        self._thread.run(self._state.markets.settle)

    def fault_file(self, path: Path) -> None:
        """Add every fault of a YAML file, in its order; with a seed of its own it begins that market first.

        Raises BadFileError.
        """
        script = read_fault_file(path)
        if script.seed is not None:
            self.reset(seed=script.seed)
        for fault in script.faults:
            self._call(partial(self._world(fault.provider).faults.add, fault))

    def clear_faults(self) -> None:
        """Forget every script that has not struck yet."""
        for world in self._state.markets.worlds:
            self._call(world.faults.clear)

    def set_credit(self, provider: str, usd: Decimal) -> None:
        """Leave so much prepaid money in an account."""
        self._call(lambda: self._world(provider).set_credit(usd))

    def rented(self) -> Sequence[Rented]:
        """Everything that exists now, whoever rented it, as the markets bill it: the truth to compare with."""
        return [each for each in self.ever_rented() if each.alive]

    def ever_rented(self) -> Sequence[Rented]:
        """The same with what is gone: one entry for each create that took effect."""
        return self._call(lambda: [each for world in self._state.markets.worlds for each in rented(world)])

    def traffic(
        self, provider: str, instance_id: str, *, size_gb: Decimal, seconds: float, outward: bool = True
    ) -> None:
        """Let so much flow out of an instance (or into it), evenly over the coming seconds. Unknown ids are ignored."""
        world = self._world(provider)
        self._with(provider, instance_id, lambda each: world.traffic(each, size_gb, seconds, outward=outward))

    def destroy(self, provider: str, instance_id: str) -> None:
        """Remove an instance behind everybody's back, as a person at the console would. Unknown ids are ignored."""
        self._with(provider, instance_id, self._world(provider).destroy)
        self._thread.run(self._state.markets.settle)

    def record(self, *, on: bool = True) -> None:
        """Begin (or cease) to keep what either market receives, and the model servers of its instances."""
        self._recorder.on = on

    def received(self) -> Sequence[Received]:
        """What was kept since the last reset, oldest first, secrets and all."""
        return self._recorder.kept()

    def _with(self, provider: str, instance_id: str, act: Callable[[Instance], None]) -> None:
        found = [each for each in self._world(provider).instances() if str(id_of(each)) == instance_id]
        for instance in found:
            self._call(partial(act, instance))

    def _world(self, provider: str) -> World:
        return {"vast": self._state.markets.vast, "runpod": self._state.markets.runpod}[provider]

    def _call(self, act: Callable[[], _Result]) -> _Result:
        """Do something on the thread that owns the markets."""

        async def acting() -> _Result:
            return act()

        return self._thread.run(acting)

    async def _begin_again(self, at: datetime, kept: Snapshot | None = None) -> None:
        before = self._state.markets
        before.close()  # what is still open is dropped behind the next story's back
        self.clock.set(at)
        self._recorder.put_back(kept.received if kept else ())
        self._state.markets = Markets(clock=self.clock, seed=self._seed, recorder=self._recorder, kept=kept)
        self._closing = [each for each in self._closing if not each.done()]
        self._closing.append(asyncio.create_task(before.ended()))

    async def _serve(self, thread: LoopThread) -> None:
        sock = loopback_socket()
        sock.bind((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{sock.getsockname()[1]}"
        self._state = AppState(
            markets=Markets(clock=self.clock, seed=self._seed, recorder=self._recorder), api_key=self.vast_key,
            runpod_api_key=self.runpod_key, token=secrets.token_hex(16), stop=thread.ending.set,
        )  # fmt: skip
        api = LoopServer(Recorded(EmulatorApp(self._state), self._recorder, "api"), sock)
        await api.begin()
        thread.ready()
        await thread.ending.wait()
        api.end()
        self._state.markets.close()
        await asyncio.gather(self._state.markets.ended(), *self._closing)
        await api.ended()
