"""One exchange with an endpoint, bounded in time and size whatever the other side does, and its JSON read by shape.

An endpoint runs on somebody else's machine. The time-outs of requests begin anew with every byte that comes, so an
exchange has a thread of its own, which is left behind when its time is over.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

T = TypeVar("T")

_CONNECT_S = 5.0
_PIECE_BYTES = 512
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer as it comes in: its status, and the pieces of its body, which raise as `exchange` says."""

    status: int
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


def exchange(method: str, url: str, *, limit_s: float, read: Callable[[Incoming], T], **sent: Any) -> T:  # noqa: ANN401
    """What `read` makes of the answer, within `limit_s` real seconds in all. `sent` goes to requests as it is.

    Raises requests.RequestException (Timeout when the time is over), ValueError for more than 4 MiB, and what `read`
    raises. Calls the endpoint.
    """
    over_at_s = time.monotonic() + limit_s

    def run() -> T:
        with _session(url) as session, session.request(
            method, url, stream=True, timeout=(min(_CONNECT_S, limit_s), limit_s), **sent
        ) as response:  # fmt: skip
            return read(Incoming(response.status_code, _pieces(response, over_at_s)))

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


def _pieces(response: requests.Response, over_at_s: float) -> Iterator[bytes]:
    """The body. The clock is looked at here too, so that a thread that was left behind comes to its end."""
    size = 0
    for piece in response.iter_content(_PIECE_BYTES):
        size += len(piece)
        if size > _MOST_BYTES:
            raise ValueError(f"an answer of more than {_MOST_BYTES} bytes")
        if time.monotonic() > over_at_s:
            raise requests.Timeout
        yield piece


def _session(url: str) -> requests.Session:
    session = requests.Session()
    if url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
        session.trust_env = False  # a proxy for the outside world must not be asked for loopback
    return session
