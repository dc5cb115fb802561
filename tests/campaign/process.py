"""A command as a real process: forked from a parent that has everything loaded, and held at each of its touches.

A touch is a moment before or after the process writes to the journal, asks a provider or replaces a file, and each
wait. There the process says where it is and goes on when it is told to: so whoever plays the story decides whose turn
it is, when time passes and who dies, and the same story always goes the same way.
"""

import functools
import gc
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NoReturn

from cloudgpu.emulator.standing_clock import StandingClock

_STUCK_S = 60.0
_PIPE_BYTES = 1 << 20
_FORSAKEN = 71
"""The exit status of a process whose parent is no more."""


class Process:
    """A command that runs. `touch` counts where it stands; `status` is its exit status once it has ended.

    `since` tells at which touch it first stood at a place of that name.

    Its waits last `drowsy` times as long as it meant them to, as on a machine that has other things to do.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], clock: StandingClock, drowsy: int) -> None:
        self.words = tuple(words)
        self._drowsy = drowsy
        self.touch = 0
        self.wakes_at_s = 0.0
        self.at = "start"
        self.since: dict[str, int] = {}
        self.status: int | None = None
        told, tells, out, err = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _child(words, environment, clock, told, tells, out, err)
        for mine in (told[0], tells[1], out[1], err[1]):
            os.close(mine)
        self._tells, self._told, self._streams = told[1], tells[0], (out[0], err[0])
        self.out = self.err = ""
        self._hear(clock)

    @property
    def ended(self) -> bool:
        """Whether it is no more."""
        return self.status is not None

    def go_on(self, clock: StandingClock, shift_s: float = 0.0) -> None:
        """Let it run to its next touch, or its end; first correct its machine's time by so many seconds."""
        try:
            os.write(self._tells, f"{self.touch} {shift_s!r}\n".encode())
        except BrokenPipeError:
            return self._end()  # a signal ended it while it stood there
        return self._hear(clock)

    def send(self, number: int) -> None:
        """Send it a signal. A kill ends it here and now."""
        os.kill(self.pid, number)
        if number == signal.SIGKILL:
            self._end()

    def _hear(self, clock: StandingClock) -> None:
        ready, _, _ = select.select([self._told], [], [], _STUCK_S)
        said = os.read(self._told, 64) if ready else b""
        if not ready:
            os.kill(self.pid, signal.SIGKILL)
        if not said:
            return self._end()
        self.at, _, seconds = said.decode().strip().partition(" ")
        self.touch += 1
        self.since[self.at] = self.since.get(self.at, self.touch)
        self.wakes_at_s = clock.elapsed() + float(seconds or 0) * self._drowsy
        return None

    def _end(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        self.out, self.err = (_drained(stream) for stream in self._streams)
        for each in (self._tells, self._told):
            os.close(each)


def prepare(environment: Mapping[str, str], clock: StandingClock) -> None:
    """Load what commands need, once, so that each fork has it: the program is run for real, unheld, in this process."""
    import _strptime  # noqa: F401 - what datetime loads at its first need

    from typer.main import get_command

    import cloudgpu.cli.main as entry
    from cloudgpu.cli import session

    os.environ.clear()
    os.environ.update(environment)
    entry.app = get_command(entry.app)  # the tree of commands is the same each time
    _on_the_virtual_clock(_UsersClock(clock))
    _keep_what_the_journal_compiles()
    shown, said = (sys.stdout, sys.stderr), io.StringIO()
    sys.stdout = sys.stderr = said
    try:
        for words in (
            ("up", "qwen3-0.6b", "--provider", "vast", "--yes", "--json"),
            ("down", "--all", "--yes"),
            ("gc",),
            ("status", "--json"),
            ("cost", "--offline", "--json"),
        ):
            sys.argv = ["cloudgpu", *words]
            try:
                entry.main()
            except SystemExit as end:
                if end.code:
                    raise RuntimeError(f"the rehearsal of {words} ends with {end.code}: {said.getvalue()}") from None
            session._opened.pop().store.close()
    finally:
        sys.stdout, sys.stderr = shown
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    gc.collect()
    gc.freeze()


def _keep_what_the_journal_compiles() -> None:
    """Its library puts each kind of question together once for an engine: in this process, not in every fork.

    A story's journal is another file at the same place.
    """
    from cloudgpu.running import database

    engine = functools.cache(database._engine)

    def kept(url: str) -> Any:
        path = database.file_of(url)
        if path is not None:
            database._make_private(path)
        return engine(url)

    database._engine = kept


def _child(
    words: Sequence[str], environment: Mapping[str, str], clock: StandingClock,
    told: tuple[int, int], tells: tuple[int, int], out: tuple[int, int], err: tuple[int, int],
) -> NoReturn:  # fmt: skip
    status = 70
    try:
        gc.disable()  # it would copy what it shares with its parent, and lives too short to gain by it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream, number in ((out[1], 1), (err[1], 2)):
            _widen(stream)
            os.dup2(stream, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", encoding="utf-8") for number in (1, 2))
        os.environ.clear()
        os.environ.update(environment)
        users = _UsersClock(clock)
        leash = _Leash(tells[1], told[0], users)
        users.sleep = lambda seconds: leash.touch("sleep", seconds) if seconds > 0 else None  # nothing else is a wait
        _on_the_virtual_clock(users)
        _hold(leash)
        status = _run(words)
    finally:
        os._exit(status)


def _run(words: Sequence[str]) -> int:
    import cloudgpu.cli.main as entry

    sys.argv = ["cloudgpu", *words]
    try:
        entry.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


class _Leash:
    """The process' end of the pipes."""

    def __init__(self, tells: int, told: int, clock: "_UsersClock") -> None:
        self._tells, self._told, self._clock = tells, told, clock
        self._touches = 0

    def touch(self, what: str, seconds: float = 0.0) -> None:
        """Say where it stands and wait for leave. Threads beside the main one are not held."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._touches += 1
        os.write(self._tells, f"{what} {seconds!r}\n".encode())
        self._clock.correct(self._leave())

    def _leave(self) -> float:
        """Wait for the leave of this very touch: a signal may have cut the wait for an earlier one short."""
        while True:
            answers = os.read(self._told, 256)
            if not answers:
                os._exit(_FORSAKEN)
            number, shift_s = answers.splitlines()[-1].split()
            if int(number) == self._touches:
                return float(shift_s)


class _UsersClock:
    """The user's machine: whoever plays the story lets its waits pass, and its time may be wrong."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock, self._wrong = clock, timedelta(0)
        self.sleep: Callable[[float], None] = clock.sleep

    def now(self) -> datetime:
        return self._clock.now() + self._wrong

    def elapsed(self) -> float:
        return self._clock.elapsed()

    def correct(self, seconds: float) -> None:
        self._wrong += timedelta(seconds=seconds)


def _on_the_virtual_clock(clock: _UsersClock) -> None:
    """Put the clock, and waits that are real ones, where the program takes the machine's."""
    from cloudgpu.cli import session
    from cloudgpu.cli.migrate import sight, world
    from cloudgpu.running import providers
    from cloudgpu.running.providers.event_stream import Patience
    from cloudgpu.running.providers.runpod import adapter

    session.SystemClock = providers.SystemClock = lambda: clock  # type: ignore[misc,assignment]
    sight.SystemClock = world.SystemClock = lambda: clock  # type: ignore[misc,assignment]
    adapter.Patience = functools.partial(Patience, first_s=0.05, next_s=0.02)  # type: ignore[misc,assignment]


def _hold(leash: _Leash) -> None:
    """Put a touch before and after each act that leaves a trace."""
    from cloudgpu.running.database import Database
    from cloudgpu.running.providers.http import Http

    transaction = Database.transaction

    @contextmanager
    def held(self: Database) -> Iterator[Any]:
        leash.touch("write")
        with transaction(self) as connection:
            yield connection
        leash.touch("written")

    Database.transaction = held  # type: ignore[method-assign,assignment]
    once = Http._once
    Http._once = lambda self, method, path, endpoint, *more, **named: _asked(  # type: ignore[method-assign]
        leash, endpoint, lambda: once(self, method, path, endpoint, *more, **named)
    )
    for name in ("stream", "fetch_text"):
        setattr(Http, name, _between(leash, "ask", getattr(Http, name), "answered"))
    for name in ("replace", "rename", "symlink"):
        setattr(os, name, _between(leash, "file", getattr(os, name), "filed"))


def _asked(leash: _Leash, endpoint: str, ask: Callable[[], Any]) -> Any:
    """A request, with its endpoint in the names of its touches."""
    leash.touch(f"ask_{endpoint}")
    try:
        return ask()
    finally:
        leash.touch(f"answered_{endpoint}")


def _between(leash: _Leash, before: str, act: Callable[..., Any], after: str) -> Callable[..., Any]:
    def held(*arguments: Any, **named: Any) -> Any:
        leash.touch(before)
        answer = act(*arguments, **named)
        leash.touch(after)
        return answer

    return held


def _widen(pipe: int) -> None:
    """So that nothing that is printed has to be read before the process ends."""
    import fcntl

    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _drained(stream: int) -> str:
    with os.fdopen(stream, encoding="utf-8", errors="replace") as file:
        return file.read()
