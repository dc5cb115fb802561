"""The only door to time.

Everything that asks what time it is, or waits, is given a `Clock`. Three exist: the machine's own, one that runs at
a multiple of it (the emulator's market, and everything that talks to it), and one that tests move by hand.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time (aware, UTC) and waits."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)

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

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock, that is `seconds / speed` real ones."""
        time.sleep(max(0.0, seconds) / self.speed)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when someone sleeps on it or sets `time`: no test waits for real."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The time it was last moved to."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds, at once."""
        self.time += timedelta(seconds=max(0.0, seconds))


def parse_utc(text: str) -> datetime:
    """An ISO 8601 time with a zone, as UTC. Raises ValueError when the zone is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z, the form of every JSON and CSV output."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
