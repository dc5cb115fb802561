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
from pathlib import Path
from typing import IO

from cloudgpu.base.clock import ScaledClock
from cloudgpu.base.errors import BadFileError, ConflictError, PortInUseError
from cloudgpu.base.secret import Secret
from cloudgpu.emulator.app import AppState, EmulatorApp
from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.faults.script import read_fault_file
from cloudgpu.emulator.folder import EmulatorFolder, RunningNote
from cloudgpu.emulator.loopback.loop_server import LoopServer
from cloudgpu.emulator.loopback.ports import LOOPBACK, loopback_socket
from cloudgpu.emulator.markets import Markets
from cloudgpu.emulator.received import Recorded
from cloudgpu.emulator.runpod_api.account import account_name
from cloudgpu.emulator.standing_clock import StandingClock
from cloudgpu.emulator.world.file import load_world

_TICK_S = 0.025
_TICKS_PER_NOTE = 40
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MOST_BEHIND = timedelta(seconds=_TICK_S * _TICKS_PER_NOTE * 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to serve. Port 0 means the last one when it is free, else any; `seed` counts for a new world only.

    Speed 0 is a clock that stands until somebody moves it. `fault_file` is a script of faults to begin with.
    """

    port: int
    speed: float
    seed: int
    fresh: bool
    fault_file: Path | None = None


def serve(folder: EmulatorFolder, options: ServeOptions) -> None:
    """Serve until told to stop.

    Raises PortInUseError, ConflictError (another process holds the folder) and BadFileError (damaged world).
    """
    script = None if options.fault_file is None else read_fault_file(options.fault_file)
    with _lock(folder):
        now = real_now()
        if options.fresh:
            now = max(now, _end_of(folder))
            folder.forget_world()
        clock = _clock(folder, options.speed, now)
        asyncio.run(_serve(folder, options, clock, () if script is None else script.faults))


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


def _end_of(folder: EmulatorFolder) -> datetime:
    """When the saved world ended: the next one begins no earlier, for journals that tell of both. Long ago: unknown."""
    try:
        return _clock(folder, 1.0, real_now()).now() if folder.world.exists() else _LONG_AGO
    except BadFileError:
        return _LONG_AGO


def _clock(folder: EmulatorFolder, speed: float, now: datetime) -> ScaledClock | StandingClock:
    """Goes on where the saved world stopped; after a kill never earlier than anybody can have seen it.

    A new one begins at `now`.
    """
    saved = load_world(folder.world)
    if speed == 0:
        clock = StandingClock(folder.clock, now)
        if saved is not None and clock.now() < saved.saved_at:
            clock.set(saved.saved_at)
        return clock
    if saved is None:
        return ScaledClock(origin=now, real_origin=real_now(), speed=speed)
    last = folder.note()
    killed = last is not None and last.stopped_at is None
    ahead = _MOST_BEHIND * last.speed if last is not None and killed else timedelta(0)
    return ScaledClock(origin=saved.saved_at + ahead, real_origin=real_now(), speed=speed)


async def _serve(
    folder: EmulatorFolder, options: ServeOptions, clock: ScaledClock | StandingClock, faults: Sequence[Fault]
) -> None:
    listening = _listen(options.port, folder.last_port())
    markets = Markets(clock=clock, seed=options.seed, vast_path=folder.world, runpod_path=folder.runpod)
    for fault in faults:
        {"vast": markets.vast, "runpod": markets.runpod}[fault.provider].faults.add(fault)
    stopping = asyncio.Event()
    token, key = secrets.token_hex(16), Secret(folder.api_key())
    state = AppState(markets=markets, api_key=key, runpod_api_key=key, token=token, stop=stopping.set)
    api = LoopServer(Recorded(EmulatorApp(state), markets.recorder, "api"), listening)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    port = listening.getsockname()[1]
    await api.begin()
    folder.note_running(_note(markets, clock, token, port), port)
    await _tick(markets, stopping, folder)
    await _shut(api, markets)
    if folder.exists():
        now = clock.now()
        markets.note_time()
        folder.note_stopped(now)


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


def _note(markets: Markets, clock: ScaledClock | StandingClock, token: str, port: int) -> RunningNote:
    runs = clock if isinstance(clock, ScaledClock) else None
    return RunningNote(
        url=f"http://{LOOPBACK}:{port}",
        pid=os.getpid(),
        token=token,
        speed=runs.speed if runs else 0.0,
        seed=markets.vast.seed,
        origin=runs.origin if runs else clock.now(),
        real_origin=runs.real_origin if runs else real_now(),
        accounts=(str(markets.vast.state.account_id), account_name(markets.runpod)),
        opened_at=markets.vast.state.opened_at,
    )


async def _tick(markets: Markets, stopping: asyncio.Event, folder: EmulatorFolder) -> None:
    """Open and close model servers on time and write the time down about once a second.

    Until told to stop, or until somebody has removed the folder: nobody could find this process any more.
    """
    ticks = 0
    while not stopping.is_set():
        await markets.settle()
        ticks += 1
        if ticks % _TICKS_PER_NOTE == 0:
            if not folder.exists():
                return
            markets.note_time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _TICK_S)


async def _shut(api: LoopServer, markets: Markets) -> None:
    await asyncio.sleep(_TICK_S * 2)  # let the answer to the stop itself leave
    api.end()
    markets.close()
    await markets.ended()
    await api.ended()
