"""What holds a command that was forked for a play: its leash, its user's clock, and a touch around each act."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from cloudgpu.emulator.standing_clock import StandingClock

FORSAKEN = 71
"""The exit status of a process whose parent is no more."""


class Leash:
    """The worker's end of the pipes. A command stands still at its first touch; each leave says how far it may run."""

    def __init__(self, tells: int, told: int) -> None:
        self._tells, self._told = tells, told

    def begin(self, clock: "UsersClock") -> None:
        """Another command begins; this is its user's clock."""
        self._clock = clock
        self._touches = self._until = 0
        self._places: frozenset[str] = frozenset()

    def touch(self, what: str, seconds: float = 0.0) -> None:
        """Say where it stands and wait for leave, if it is held here. Threads beside the main one never are."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._touches += 1
        if self._touches < self._until and what not in self._places and not seconds:
            return
        self._until = 0  # a signal may cut the wait short: then it is held again at its next touch
        os.write(self._tells, f"{what} {seconds!r} {self._touches}\n".encode())
        self._wait()

    def _wait(self) -> None:
        """For the leave of this very touch: a signal may have cut the wait for an earlier one short."""
        while True:
            answers = os.read(self._told, 512)
            if not answers:
                os._exit(FORSAKEN)
            number, shift_s, until, *places = answers.splitlines()[-1].decode().split()
            if int(number) == self._touches:
                self._until, self._places = int(until), frozenset(places)
                return self._clock.correct(float(shift_s))


class UsersClock:
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


def on_the_virtual_clock(clock: UsersClock) -> None:
    """Put the clock, and waits that are real ones, where the program takes the machine's.

    A log is over with its heartbeat: patience costs nothing there, and too little of it cuts one off.
    """
    from cloudgpu.cli import session
    from cloudgpu.cli.migrate import sight, world
    from cloudgpu.running import providers
    from cloudgpu.running.providers.event_stream import Patience
    from cloudgpu.running.providers.runpod import adapter

    session.SystemClock = providers.SystemClock = lambda: clock  # type: ignore[misc,assignment]
    sight.SystemClock = world.SystemClock = lambda: clock  # type: ignore[misc,assignment]
    adapter.Patience = functools.partial(Patience, first_s=2.0, next_s=2.0)  # type: ignore[misc,assignment]


def hold(leash: Leash) -> None:
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


def _asked(leash: Leash, endpoint: str, ask: Callable[[], Any]) -> Any:
    """A request, with its endpoint in the names of its touches."""
    leash.touch(f"ask_{endpoint}")
    try:
        return ask()
    finally:
        leash.touch(f"answered_{endpoint}")


def _between(leash: Leash, before: str, act: Callable[..., Any], after: str) -> Callable[..., Any]:
    def held(*arguments: Any, **named: Any) -> Any:
        leash.touch(before)
        answer = act(*arguments, **named)
        leash.touch(after)
        return answer

    return held
