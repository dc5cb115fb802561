"""What is heard of an event stream that never ends by itself, as far as somebody has the patience to listen."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a stream is listened to, in real seconds: for its first line, for each one after it, and in all.

    A machine that is busy for two seconds, on either side, ends no log.
    """

    first_s: float = 5.0
    next_s: float = 3.0
    in_all_s: float = 30.0


def said(heard: Queue[str | None], patience: Patience, most: int) -> list[str]:
    """The lines, `most` of them, before a heartbeat, the end (None) or silence.

    A heartbeat is a comment: one may open the stream, a later one says that nothing is new.
    """
    lines: list[str] = []
    heartbeats = 0
    for line in _until_silent(heard, patience):
        if line.startswith(":"):
            heartbeats += 1
            if lines or heartbeats > 1:
                break
        elif line:
            lines.append(line)
            if len(lines) >= most:
                break
    return lines


def _until_silent(heard: Queue[str | None], patience: Patience) -> Iterator[str]:
    """The lines as they come, until the stream ends, breaks off or falls silent."""
    over_at_s = time.monotonic() + patience.in_all_s
    silence_s = patience.first_s
    while time.monotonic() < over_at_s:
        try:
            line = heard.get(timeout=silence_s)
        except Empty:
            return
        if line is None:
            return
        yield line
        silence_s = patience.next_s
