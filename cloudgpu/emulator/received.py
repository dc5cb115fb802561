"""What the emulator was sent, kept on request: a test can look for secrets where they must not be."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

MOST_KEPT = 10_000
_LONGEST_BODY = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came, secrets and all. A body is kept up to 64 KiB."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: str


class Recorder:
    """The latest requests that either market received, while it is on."""

    def __init__(self) -> None:
        self._kept: deque[Received] = deque(maxlen=MOST_KEPT)
        self.on = False

    def wants(self, path: str) -> bool:
        """Whether a request to this path is kept: the emulator's own routes never are."""
        return self.on and not path.startswith("/emulator/")

    def add(self, received: Received) -> None:
        """Keep one; the oldest goes when there are too many."""
        self._kept.append(received)

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()

    def kept(self) -> Sequence[Received]:
        """What was kept, oldest first."""
        return tuple(self._kept)
