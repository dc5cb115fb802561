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
from contextlib import ExitStack
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

T = TypeVar("T")

_CONNECT_S = 5.0
_PIECE_BYTES = 16 * 1024
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
    most_bytes: int = _MOST_BYTES,
    **sent: Any,  # noqa: ANN401  (what requests takes)
) -> T:
    """What `read` makes of the answer, within `limit_s` real seconds in all. `sent` goes to requests as it is.

    Raises requests.RequestException (Timeout when the time is over), TooLargeError, a ValueError, beyond `most_bytes`,
    and what `read` raises. Calls the network.
    """
    begun = begin(method, url, limit_s=limit_s, read=read, connect_s=connect_s, most_bytes=most_bytes, **sent)
    try:
        return begun.result(limit_s)
    except TimeoutError:
        raise requests.Timeout(f"no whole answer in {limit_s:g} s") from None


def begin(
    method: str,
    url: str,
    *,
    limit_s: float,
    read: Callable[[Incoming], T],
    connect_s: float = _CONNECT_S,
    most_bytes: int = _MOST_BYTES,
    session: requests.Session | None = None,
    **sent: Any,  # noqa: ANN401
) -> Future[T]:
    """The same without waiting for it: the outcome will hold what `exchange` gives or raises.

    `session` is a kept one (see `kept_session`), whose connection to that place may be open still; None: a new one.
    """
    over_at_s = time.monotonic() + limit_s
    timeout = (min(connect_s, limit_s), limit_s)
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            with ExitStack() as held:
                asking = session or held.enter_context(_session(url))
                found = held.enter_context(asking.request(method, url, stream=True, timeout=timeout, **sent))
                pieces = _pieces(found, over_at_s, most_bytes)
                outcome.set_result(read(Incoming(found.status_code, found.headers, pieces)))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="exchange", daemon=True).start()
    return outcome


def kept_session(url: str) -> requests.Session:
    """For many questions to one place: what was opened for one, and trusted, serves the next. It keeps no cookie.

    Only for what may be asked again: the other side may have closed in the meantime without a word.
    """
    session = _session(url)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


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


def _pieces(response: requests.Response, over_at_s: float, most_bytes: int) -> Iterator[bytes]:
    """The body as it comes. The clock is looked at here too, so that a thread that was left behind comes to its end."""
    size = 0
    for piece in _as_they_come(response):
        size += len(piece)
        if size > most_bytes:
            raise TooLargeError(f"an answer of more than {most_bytes / 1024**2:.0f} MiB")
        if time.monotonic() > over_at_s:
            raise requests.Timeout
        yield piece


def _as_they_come(response: requests.Response) -> Iterator[bytes]:
    """What is there, without waiting for a piece to be full as requests does: a stream's last words would be late."""
    try:
        while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
            yield piece
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except urllib3.exceptions.TimeoutError as error:
        raise requests.Timeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def _session(url: str) -> requests.Session:
    session = requests.Session()
    if is_loopback(url):
        session.trust_env = False  # a proxy for the outside world must not be asked for loopback
    return session
