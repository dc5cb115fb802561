"""Both markets on one clock, the ports of this process, and the model servers that listen on them."""

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.emulator.fleet.runpod import make_fleet
from cloudgpu.emulator.limits import RunpodLimits, VastLimits
from cloudgpu.emulator.loopback.ports import PortKeeper
from cloudgpu.emulator.model_servers import ModelServers
from cloudgpu.emulator.received import Received, Recorder
from cloudgpu.emulator.world.file import WorldState
from cloudgpu.emulator.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Both markets at a moment: what is rented there, the faults that wait, how often each was called with what."""

    at: datetime
    vast: WorldState
    runpod: WorldState
    vast_limits: VastLimits
    runpod_limits: RunpodLimits
    received: Sequence[Received]


class Markets:
    """Vast.ai's world and RunPod's, and how often each was called. Belongs to the event loop that made it.

    `vast_path` and `runpod_path` are where they are kept; None keeps them in memory alone. `recorder` is one that goes
    on from other markets, `kept` what to begin with.

    Raises BadFileError for a saved world that is damaged or of another release.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int,
        vast_path: Path | None = None,
        runpod_path: Path | None = None,
        recorder: Recorder | None = None,
        kept: Snapshot | None = None,
    ) -> None:
        self.recorder = recorder or Recorder()
        self._ports = PortKeeper()
        reserve = self._ports.reserve
        self.vast = World(
            path=vast_path, clock=clock, seed=seed, reserve_port=reserve, kept=kept.vast if kept else None
        )
        self.runpod = World(
            path=runpod_path, clock=clock, seed=self.vast.seed, reserve_port=reserve, fleet=make_fleet,
            kept=kept.runpod if kept else None,
        )  # fmt: skip
        self._servers = [ModelServers(world, self._ports, self.recorder) for world in self.worlds]
        self.vast_limits = copy.deepcopy(kept.vast_limits) if kept else VastLimits()
        self.runpod_limits = copy.deepcopy(kept.runpod_limits) if kept else RunpodLimits()
        self._settling = asyncio.Lock()
        for each in self._servers:
            each.keep_ports()

    @property
    def worlds(self) -> Sequence[World]:
        """Both."""
        return (self.vast, self.runpod)

    async def settle(self) -> None:
        """Let what the clock has brought happen: what nobody pays for ends, engines begin or cease to listen."""
        async with self._settling:
            for world in self.worlds:
                world.end_without_credit()
            for each in self._servers:
                await each.reconcile()

    def snapshot(self) -> Snapshot:
        """As they are now, for other markets to begin with."""
        return Snapshot(
            at=self.vast.now(), vast=self.vast.state, runpod=self.runpod.state, received=self.recorder.kept(),
            vast_limits=copy.deepcopy(self.vast_limits), runpod_limits=copy.deepcopy(self.runpod_limits),
        )  # fmt: skip

    def note_time(self) -> None:
        """Write the present time down."""
        for world in self.worlds:
            world.note_time()

    def close(self) -> None:
        """Close every port, at once."""
        for each in self._servers:
            each.close()

    async def ended(self) -> None:
        """Wait until nothing is left that listened."""
        for each in self._servers:
            await each.ended()
