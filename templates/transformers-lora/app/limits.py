"""How many requests one client may send in a minute."""

import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 60.0
_MOST_CLIENTS = 10_000


class RateLimit:
    """The last minute's requests of every client. Not shared between processes: there is one."""

    def __init__(self, requests_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = requests_per_minute, clock
        self._seen: dict[str, deque[float]] = {}

    def wait_s(self, client: str) -> float:
        """0 when this request is within the limit and counts; else the seconds until the next one will be."""
        now = self._clock()
        if len(self._seen) >= _MOST_CLIENTS:
            self._seen = {name: seen for name, seen in self._seen.items() if seen and now - seen[-1] < _WINDOW_S}
        seen = self._seen.setdefault(client, deque())
        while seen and now - seen[0] >= _WINDOW_S:
            seen.popleft()
        if len(seen) >= self._most:
            return _WINDOW_S - (now - seen[0])
        seen.append(now)
        return 0.0
