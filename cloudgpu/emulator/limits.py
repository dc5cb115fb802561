"""How often a provider lets itself be called, as documented: counted always, enforced on request."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

VAST_INTERVALS_S = {
    "create": 4.5, "destroy": 3.0, "show": 2.0, "list": 1.0, "state": 1.0, "bid": 5.5, "charges": 1.0, "search": 6.0,
}  # fmt: skip
"""Least seconds between two calls of an endpoint (Vast.ai's API pages, `x-rate-limit`, 2026-08); searches are ten a
minute there. Vast.ai says that they are no promise."""

RUNPOD_WINDOWS = (("minute", 180, timedelta(minutes=1)), ("hour", 7200, timedelta(hours=1)))
"""Calls of one account in a window, as RunPod's own tools saw it in August 2026."""


class VastLimits:
    """The last call of each endpoint."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def too_soon_s(self, call: str, now: datetime) -> float | None:
        """Note a call. The endpoint's interval when the last one was nearer than that, else None."""
        interval_s, last = VAST_INTERVALS_S.get(call), self._last.get(call)
        if interval_s is None:
            return None
        if last is not None and (now - last).total_seconds() < interval_s:
            return interval_s
        self._last[call] = now
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of a limit as it stands: `left` calls until it opens again in `reset_s` seconds."""

    name: str
    quota: int
    length_s: int
    left: int
    reset_s: int


class RunpodLimits:
    """The calls of the last hour, in their order."""

    def __init__(self) -> None:
        self._calls: list[datetime] = []

    def windows(self, now: datetime) -> tuple[Window, ...]:
        """Each window at this moment."""
        return tuple(self._window(name, quota, length, now) for name, quota, length in RUNPOD_WINDOWS)

    def note(self, now: datetime) -> None:
        """One more call."""
        self._calls.append(now)
        if len(self._calls) > _MOST_KEPT:
            del self._calls[: bisect_right(self._calls, now - _LONGEST)]

    def _window(self, name: str, quota: int, length: timedelta, now: datetime) -> Window:
        first = bisect_right(self._calls, now - length)
        inside = len(self._calls) - first
        opens_in = self._calls[first] + length - now if inside else length
        return Window(
            name=name, quota=quota, length_s=int(length.total_seconds()), left=max(0, quota - inside),
            reset_s=math.ceil(opens_in.total_seconds()),
        )  # fmt: skip


_LONGEST = max(length for _, _, length in RUNPOD_WINDOWS)
_MOST_KEPT = 20_000
