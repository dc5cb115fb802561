"""One exchange over HTTP, bounded in time and size whatever the other side does, and its JSON read by shape.

An endpoint runs on somebody else's machine, and so does a provider's server. The time-outs of requests begin anew with
every byte that comes, so an exchange has a thread of its own, which is left behind when its time is over. What is
compressed counts by what it unfolds to.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

T = TypeVar("T")

_CONNECT_S = 5.0
_PIECE_BYTES = 512
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer as it comes in: status, headers, and the pieces of its body, which raise as `exchange` says."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]

    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    def lines(self) -> Iterator[bytes]:
        """Its lines, each as soon as it is there."""
        rest = bytearray()
        for piece in self.pieces:
            rest += piece
            if b"\n" in piece:
                *whole, last = bytes(rest).split(b"\n")
                yield from whole
                rest = bytearray(last)
        yield bytes(rest)


class TooLargeError(ValueError):
    """An answer that goes on beyond the most that is read of one."""


def exchange(
    method: str,
    url: str,
    *,
    limit_s: float,
    read: Callable[[Incoming], T],
    connect_s: float = _CONNECT_S,
    idle_s: float | None = None,
    most_bytes: int = _MOST_BYTES,
    **sent: Any,  # noqa: ANN401  (what requests takes)
) -> T:
    """What `read` makes of the answer, within `limit_s` real seconds in all. `sent` goes to requests as it is.

    `idle_s`: the longest silence; None: as long as the whole. Raises requests.RequestException (Timeout when the time
    is over), TooLargeError, a ValueError, beyond `most_bytes`, and what `read` raises. Calls the network.
    """
    over_at_s = time.monotonic() + limit_s
    timeout = (min(connect_s, limit_s), min(idle_s or limit_s, limit_s))

    def run() -> T:
        with _session(url) as session, session.request(method, url, stream=True, timeout=timeout, **sent) as response:
            pieces = _pieces(response, over_at_s, most_bytes)
            return read(Incoming(response.status_code, response.headers, pieces))

    return _within(limit_s, run)


def json_of(body: bytes) -> Any:  # noqa: ANN401  (whatever came)
    """The JSON in it. Raises ValueError when it is none."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def at(value: object, *path: str | int) -> Any:  # noqa: ANN401  (whatever came)
    """What stands there in somebody's JSON; None where it has another shape."""
    found: Any = value
    for step in path:
        try:
            found = found[step]
        except (LookupError, TypeError):
            return None
    return found


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1")


def _within(limit_s: float, run: Callable[[], T]) -> T:
    outcome: Future[T] = Future()

    def tell() -> None:
        try:
            outcome.set_result(run())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=tell, name="exchange", daemon=True).start()
    try:
        return outcome.result(limit_s)
    except TimeoutError:
        raise requests.Timeout(f"no whole answer in {limit_s:g} s") from None


def _pieces(response: requests.Response, over_at_s: float, most_bytes: int) -> Iterator[bytes]:
    """The body. The clock is looked at here too, so that a thread that was left behind comes to its end."""
    size = 0
    for piece in response.iter_content(_PIECE_BYTES):
        size += len(piece)
        if size > most_bytes:
            raise TooLargeError(f"an answer of more than {most_bytes / 1024**2:.0f} MiB")
        if time.monotonic() > over_at_s:
            raise requests.Timeout
        yield piece


def _session(url: str) -> requests.Session:
    session = requests.Session()
    if is_loopback(url):
        session.trust_env = False  # a proxy for the outside world must not be asked for loopback
    return session
