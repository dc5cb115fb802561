"""The only door to time.

Everything that asks what time it is, or waits, is given a `Clock`. The machine's own, one that runs at a multiple of it
(the emulator's market, and everything that talks to it), and one that tests move by hand. `steady` makes one of any of
them that nobody can set: what is measured within one command (pauses, deadlines, how far two looks are apart) must not
depend on whether the machine's time is corrected meanwhile.
"""

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time (aware, UTC) and waits."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds of this clock since some moment of the past: never goes back, whatever the time is set to."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since the machine started, those it slept through included."""
        return _machine_s()

    def sleep(self, seconds: float) -> None:
        """Wait for so many real seconds."""
        time.sleep(max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A clock that showed `origin` when the machine showed `real_origin`, and runs `speed` times as fast.

    Two processes of one machine that hold the same three values agree on the time to the microsecond.
    """

    origin: datetime
    real_origin: datetime
    speed: float

    def now(self) -> datetime:
        """The time now on this clock, in UTC."""
        return self.origin + (datetime.now(UTC) - self.real_origin) * self.speed

    def elapsed(self) -> float:
        """Seconds of this clock since the machine started."""
        return _machine_s() * self.speed

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock, that is `seconds / speed` real ones."""
        time.sleep(max(0.0, seconds) / self.speed)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when someone sleeps on it: no test waits for real. Setting `time` is a correction."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    slept_s: float = 0.0

    def now(self) -> datetime:
        """The time it was last moved to."""
        return self.time

    def elapsed(self) -> float:
        """Seconds that were slept on it."""
        return self.slept_s

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds, at once."""
        passed_s = max(0.0, seconds)
        passed = timedelta(seconds=passed_s)  # ahead of both sums: no other thread comes between with a call in them
        self.slept_s += passed_s
        self.time += passed


@dataclass(frozen=True, slots=True)
class SteadyClock:
    """Shows what another clock showed when this one was made, and goes on from there whatever that one is set to."""

    clock: Clock
    shown: datetime
    began_s: float

    def now(self) -> datetime:
        """The time it began with, and what has passed since."""
        return self.shown + timedelta(seconds=self.elapsed() - self.began_s)

    def elapsed(self) -> float:
        """See `Clock`."""
        return self.clock.elapsed()

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        self.clock.sleep(seconds)


def steady(clock: Clock) -> SteadyClock:
    """A clock that agrees with this one now and cannot be set: for the length of one command."""
    return SteadyClock(clock, clock.now(), clock.elapsed())


def parse_utc(text: str) -> datetime:
    """An ISO 8601 time with a zone, as UTC. Raises ValueError when the zone is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z, the form of every JSON and CSV output."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _machine_s() -> float:
    """Seconds since the machine started. A laptop's sleep counts where the system tells: what is rented bills on."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()
