"""The emulator's own process: one event loop for the API and for every model server."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

from cloudgpu.base.clock import ScaledClock
from cloudgpu.base.errors import CloudgpuError, ConflictError, PortInUseError
from cloudgpu.emulator.app import emulator_app
from cloudgpu.emulator.folder import EmulatorFolder, RunningNote
from cloudgpu.emulator.loop_server import LoopServer
from cloudgpu.emulator.model_servers import ModelServers
from cloudgpu.emulator.ports import LOOPBACK, PortKeeper, loopback_socket
from cloudgpu.emulator.runpod_fleet import make_fleet
from cloudgpu.emulator.world import World
from cloudgpu.emulator.world_file import load_world

_TICK_S = 0.025
_TICKS_PER_NOTE = 40
_MOST_BEHIND = timedelta(seconds=_TICK_S * _TICKS_PER_NOTE * 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to serve. Port 0 means the last one when it is free, else any; `seed` counts for a new world only."""

    port: int
    speed: float
    seed: int
    fresh: bool


def serve(folder: EmulatorFolder, options: ServeOptions) -> None:
    """Serve until told to stop.

    Raises PortInUseError, ConflictError (another process holds the folder) and BadFileError (damaged world).
    """
    with _lock(folder):
        if options.fresh:
            folder.forget_world()
        clock = _clock(folder, options.speed)
        asyncio.run(_serve(folder, options, clock))


def real_now() -> datetime:
    """The machine's time: the one place where the emulator reads it."""
    return datetime.now(UTC)


@contextlib.contextmanager
def _lock(folder: EmulatorFolder) -> Iterator[None]:
    with folder.lock.open("w", encoding="utf-8") as file:
        if not _locked(file):
            raise ConflictError("another emulator process holds this state directory")
        yield


def _locked(file: IO[str]) -> bool:
    try:
        import fcntl  # not on every platform; without it the port and the note must do
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clock(folder: EmulatorFolder, speed: float) -> ScaledClock:
    """Goes on where the saved world stopped; after a kill never earlier than anybody can have seen it."""
    now = real_now()
    saved = load_world(folder.world)
    if saved is None:
        return ScaledClock(origin=now, real_origin=now, speed=speed)
    last = folder.note()
    killed = last is not None and not last.stopped
    ahead = _MOST_BEHIND * last.speed if last is not None and killed else timedelta(0)
    return ScaledClock(origin=saved.saved_at + ahead, real_origin=now, speed=speed)


async def _serve(folder: EmulatorFolder, options: ServeOptions, clock: ScaledClock) -> None:
    ports = PortKeeper()
    listening = _listen(options.port, folder.last_port())
    world = World(path=folder.world, clock=clock, seed=options.seed, reserve_port=ports.reserve)
    pods = World(path=folder.runpod, clock=clock, seed=world.seed, reserve_port=ports.reserve, fleet=make_fleet)
    servers = (ModelServers(world, ports), ModelServers(pods, ports))
    for each in servers:
        each.keep_ports()
    stopping = asyncio.Event()
    settle = _Settler(servers, pods)
    token = secrets.token_hex(16)
    app = emulator_app(world, runpod=pods, api_key=folder.api_key(), token=token, after=settle.run, stop=stopping.set)
    api = LoopServer(app, listening)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    port = listening.getsockname()[1]
    await api.begin()
    folder.note_running(_note(world, clock, token, port), port)
    await _tick((world, pods), settle, stopping, folder)
    await _shut(api, servers)
    if folder.exists():
        world.note_time()
        pods.note_time()
        folder.note_stopped()


def _listen(port: int, last_port: int) -> socket.socket:
    for candidate in (port,) if port else (last_port, 0):
        sock = loopback_socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, candidate))
            sock.listen(128)
        except OSError:
            sock.close()
        else:
            return sock
    raise PortInUseError(
        f"another program listens on port {port}", hint="choose another one: `cloudgpu emulator start --port N`"
    )


class _Settler:
    """Lets one change of open ports finish before the next begins."""

    def __init__(self, servers: Sequence[ModelServers], pods: World) -> None:
        self._servers = servers
        self._pods = pods
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        async with self._lock:
            self._pods.end_without_credit()
            for each in self._servers:
                await each.reconcile()


def _note(world: World, clock: ScaledClock, token: str, port: int) -> RunningNote:
    return RunningNote(
        url=f"http://{LOOPBACK}:{port}",
        pid=os.getpid(),
        token=token,
        speed=clock.speed,
        seed=world.seed,
        origin=clock.origin,
        real_origin=clock.real_origin,
    )


async def _tick(worlds: Sequence[World], settle: _Settler, stopping: asyncio.Event, folder: EmulatorFolder) -> None:
    """Open and close model servers on time and write the time down about once a second.

    Until told to stop, or until somebody has removed the folder: nobody could find this process any more.
    """
    ticks = 0
    while not stopping.is_set():
        await settle.run()
        ticks += 1
        if ticks % _TICKS_PER_NOTE == 0:
            if not folder.exists():
                return
            for world in worlds:
                world.note_time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _TICK_S)


async def _shut(api: LoopServer, servers: Sequence[ModelServers]) -> None:
    await asyncio.sleep(_TICK_S * 2)  # let the answer to the stop itself leave
    api.end()
    for each in servers:
        await each.close()
    await api.ended()


def exit_text(error: CloudgpuError) -> str:
    """What the process prints before it dies of an error."""
    return f"{error.code}: {error.message}"
