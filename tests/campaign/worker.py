"""A process forked from a parent that has the whole program loaded: it runs one command after the other."""

import gc
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from cloudgpu.emulator.standing_clock import StandingClock
from tests.campaign.held import FORSAKEN, Leash, UsersClock, hold, on_the_virtual_clock

ENDED = "end"
"""What it says instead of where it stands, when a command has ended: followed by exit status and threads left."""

_STUCK_S = 60.0
_PIPE_BYTES = 1 << 20


class Worker:
    """The parent's end of it."""

    def __init__(self, clock: StandingClock) -> None:
        told, tells, out, err = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _live(clock, told[1], tells[0], out[1], err[1])
        for theirs in (told[1], tells[0], out[1], err[1]):
            os.close(theirs)
        self._told, self._tells, self._streams = told[0], tells[1], (out[0], err[0])
        for stream in self._streams:
            os.set_blocking(stream, False)

    def begin(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Let it run a command, to its first touch."""
        self.say(json.dumps([list(words), dict(environment)]))

    def say(self, line: str) -> bool:
        """Tell it something; False when it is no more."""
        try:
            os.write(self._tells, f"{line}\n".encode())
        except BrokenPipeError:
            return False
        return True

    def hear(self) -> list[str]:
        """The words that it says next; none when it is no more. One that says nothing for a minute is ended."""
        ready, _, _ = select.select([self._told], [], [], _STUCK_S)
        if not ready:
            os.kill(self.pid, signal.SIGKILL)
        return os.read(self._told, 128).decode().split() if ready else []

    def printed(self) -> tuple[str, str]:
        """What was printed on its standard output and error since the last time."""
        out, err = (b"".join(_read(stream)).decode(errors="replace") for stream in self._streams)
        return out, err

    def close(self) -> int:
        """Let it end, if it has not; how it ended, a signal's number negative."""
        self.say("")
        _, status = os.waitpid(self.pid, 0)
        for each in (self._tells, self._told):
            os.close(each)
        return os.waitstatus_to_exitcode(status)

    def forget(self) -> None:
        """Close what is left of one that has ended, once its last words are read."""
        for stream in self._streams:
            os.close(stream)


def _read(stream: int) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while part := os.read(stream, _PIPE_BYTES):
            yield part


def _live(clock: StandingClock, tells: int, told: int, out: int, err: int) -> NoReturn:
    status = 70
    try:
        gc.disable()  # it would copy what it shares with its parent
        for stream, number in ((out, 1), (err, 2)):
            _widen(stream)
            os.dup2(stream, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        leash = Leash(tells, told)
        hold(leash)
        while asked := _line(told):
            words, environment = json.loads(asked)
            status = _performed(words, environment, UsersClock(clock), leash)
            os.write(tells, f"{ENDED} {status} {threading.active_count()}\n".encode())
        status = 0
    finally:
        os._exit(status)


def _line(told: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(told, _PIPE_BYTES)
        if not part:
            os._exit(FORSAKEN)
        line += part
    return line.strip()


def _performed(words: Sequence[str], environment: Mapping[str, str], clock: UsersClock, leash: Leash) -> int:
    """Run it as if the process had been made for it; its exit status."""
    gc.collect()  # of what the last one left; what came from the parent is frozen
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL),
                            (signal.SIGHUP, signal.SIG_DFL)):  # fmt: skip
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environment)
    leash.begin(clock)
    clock.sleep = lambda seconds: leash.touch("sleep", seconds) if seconds > 0 else None  # nothing else is a wait
    on_the_virtual_clock(clock)
    with _streams(), _sessions():
        return _run(words)


@contextmanager
def _streams() -> Iterator[None]:
    streams = [os.fdopen(os.dup(number), "w", encoding="utf-8") for number in (1, 2)]
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        for each in streams:
            each.close()


@contextmanager
def _sessions() -> Iterator[None]:
    """What the end of a process would close."""
    from cloudgpu.cli import session

    try:
        yield
    finally:
        while session._opened:
            opened = session._opened.pop()
            if "store" in opened.__dict__:
                opened.store.close()


def _run(words: Sequence[str]) -> int:
    import cloudgpu.cli.main as entry

    sys.argv = ["cloudgpu", *words]
    try:
        entry.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    return 1


def _widen(pipe: int) -> None:
    """So that nothing that is printed has to be read before the process ends."""
    import fcntl

    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
