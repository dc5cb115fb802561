"""The road to a provider: bounded calls, its rate limits kept on our side, reads repeated, everything else sent once.

Redirects are refused rather than followed: none of a provider's calls has one, and a key must not travel to a place
that nobody named. Nothing here is logged.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from queue import Empty, Queue
from threading import Event
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import BadAnswerError, CloudgpuError, RateLimitedError, RefusedKeyError, UnreachableError
from cloudgpu.base.secret import REDACTED, Secret
from cloudgpu.running.exchange import Incoming, begin, exchange
from cloudgpu.running.providers.base import Headroom, RateWindow
from cloudgpu.running.providers.limits import clock_ahead_s, retry_after_s, used_up_s, windows_of
from cloudgpu.running.providers.no_answer import check_address, no_answer
from cloudgpu.running.providers.turns import Turns

T = TypeVar("T")

_READ_ATTEMPTS = 4
_LONGEST_WAIT_S = 60.0
_MOST_BYTES = 32 * 1024 * 1024
"""The largest honest answer is a search of 512 offers with 112 fields each: some 2 MiB."""

_TOO_MANY = 429
_NO_CONTENT = 204
_THRESHOLD = re.compile(r"threshold\s*=\s*(\d+(?:\.\d+)?)")
_LIKE_A_KEY = re.compile(r"[A-Za-z0-9_-]{32,}")
_KEY = re.compile(r"[!-~]+")
"""What can stand in a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Real seconds: to connect, and in all for a read and for a call that changes something, to its last byte."""

    connect_s: float = 10.0
    read_s: float = 30.0
    act_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a stream is listened to, in real seconds: for its first line, for each one after it, and in all."""

    first_s: float = 4.0
    next_s: float = 0.5
    in_all_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: status, headers, the body as JSON (None when it is none), and the body as text."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


Explain = Callable[[Reply], CloudgpuError]


class ServerTroubleError(UnreachableError):
    """The provider's server answers with 5xx: what was asked may or may not have happened."""


class Throttled(RateLimitedError):  # noqa: N818  (a kind of RateLimitedError, which carries the suffix)
    """A 429, with the seconds it asks for; None when it names none."""

    def __init__(self, message: str, *, wait_s: float | None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


@dataclass(slots=True)
class Http:
    """Calls to one provider with one key. `intervals_s` are the least seconds between two calls of an endpoint.

    Intervals and waits pass on the provider's clock, time-outs on the real one. `explain` turns an answer with an error
    status into the error it means; it is given the reply and never sees the key. `variable` names the setting that
    holds the address. A used-up window of a `RateLimit` header holds the next calls back until it opens again. `turns`
    may be shared with other commands that use this key.
    """

    base_url: str
    key: Secret
    clock: Clock
    intervals_s: Mapping[str, float]
    explain: Explain
    timeouts: Timeouts = field(default_factory=Timeouts)
    variable: str = "VAST_URL"
    turns: Turns = field(default_factory=Turns)
    _calls: Counter[str] = field(default_factory=Counter)
    _windows: tuple[RateWindow, ...] = ()
    _clock_ahead_s: float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for an address, RefusedKeyError for a key, that no call could be made with."""
        check_address(self.base_url, self.variable)
        if self.key and not _KEY.fullmatch(self.key.reveal()):
            raise RefusedKeyError(
                "the API key holds spaces or letters that no key has", hint="copy it again, without what stands around"
            )

    def headroom(self) -> Headroom:
        """What the calls so far tell of the provider's limits and time. Calls no network."""
        return Headroom(
            calls=dict(self._calls), least_s=dict(self.intervals_s), windows=self._windows,
            clock_ahead_s=self._clock_ahead_s, last_minute=self.turns.last_minute(self.clock.elapsed()),
        )  # fmt: skip

    def read(
        self,
        method: str,
        path: str,
        *,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Ask for something that changes nothing; repeated when there is no answer, 5xx, or 429.

        Raises UnreachableError, RateLimitedError, BadAnswerError (not JSON), or what `explain` makes of it.
        """
        repeated = Retrying(
            stop=stop_after_attempt(_READ_ATTEMPTS),
            wait=_wait_s,
            sleep=self.clock.sleep,
            retry=retry_if_exception_type((UnreachableError, Throttled)),
            reraise=True,
        )
        return repeated(self._once, method, path, endpoint, self.timeouts.read_s, params, body)

    def act(
        self, method: str, path: str, *, endpoint: str, body: Mapping[str, Any], explain: Explain | None = None
    ) -> Reply:
        """Send something that changes the world, once. `explain` stands in for the provider's own, for this call.

        Raises as `read` does; after UnreachableError and BadAnswerError it may have happened.
        """
        return self._once(method, path, endpoint, self.timeouts.act_s, None, body, explain)

    def fetch_text(self, url: str, *, endpoint: str) -> str | None:
        """The text at an address the provider gave us, without our key; None while it is not there yet."""
        self._pace(endpoint)
        found = self._exchange(
            "GET", url, limit_s=self.timeouts.read_s, read=lambda incoming: (incoming.status, incoming.body())
        )
        return found[1].decode("utf-8", "replace") if found[0] == 200 else None

    def stream(
        self, path: str, *, endpoint: str, params: Mapping[str, Any], patience: Patience, most: int
    ) -> list[str]:
        """Lines of an event stream, which never ends by itself: until `most`, a heartbeat, or silence.

        Raises as `read` does, but is sent once; a stream that says nothing at all in time is empty.
        """
        self._pace(endpoint)
        heard: Queue[str | None] = Queue()
        enough = Event()

        def read(incoming: Incoming) -> Reply | None:
            if incoming.status != 200:
                return self._reply(incoming, SystemClock().now())
            for line in incoming.lines():
                heard.put(line.decode("utf-8", "replace").rstrip("\r"))
                if enough.is_set():
                    break
            return None

        begun = begin(
            "GET", self._url(path), limit_s=patience.in_all_s, read=read, connect_s=self.timeouts.connect_s,
            most_bytes=_MOST_BYTES, allow_redirects=False, params=params, headers={"Accept": "text/event-stream"},
            auth=_Bearer(self.key),
        )  # fmt: skip
        begun.add_done_callback(lambda _: heard.put(None))
        lines = _said(_until_silent(heard, patience), most)
        enough.set()  # the connection is dropped with the next word that comes, or when the time is over
        if not lines and begun.done():
            self._refuse(path, begun)
        return lines

    def _refuse(self, path: str, ended: Future[Reply | None]) -> None:
        """Raise what a stream that ended without a line ended with; a plain end is none."""
        try:
            reply = ended.result()
        except (OSError, ValueError) as error:
            raise no_answer(self._url(path), error, self.variable) from error
        if reply is not None:
            self._checked(reply, self.explain)
            raise BadAnswerError(f"{self._host()} answers {reply.status} to a question for a stream",
                                 hint="try again in a minute")  # fmt: skip

    def _once(
        self,
        method: str,
        path: str,
        endpoint: str,
        limit_s: float,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        explain: Explain | None = None,
    ) -> Reply:
        self._pace(endpoint)
        began = SystemClock().now()
        reply = self._exchange(
            method, self._url(path), limit_s=limit_s, read=lambda incoming: self._reply(incoming, began),
            params=params, data=None if body is None else json.dumps(body), auth=_Bearer(self.key),
            headers={"Accept": "application/json", "Content-Type": "application/json"},
        )  # fmt: skip
        return self._checked(reply, explain or self.explain)

    def _exchange(self, method: str, url: str, *, read: Callable[[Incoming], T], **sent: Any) -> T:  # noqa: ANN401
        """Raises UnreachableError, and BadAnswerError for an answer that is too large or cannot be unpacked."""
        try:
            return exchange(
                method, url, read=read, connect_s=self.timeouts.connect_s, most_bytes=_MOST_BYTES,
                allow_redirects=False, **sent,
            )  # fmt: skip
        except (OSError, ValueError) as error:  # every error of requests is one of them, a name that is none the other
            raise no_answer(url, error, self.variable) from error

    def _reply(self, incoming: Incoming, began: datetime) -> Reply:
        """The answer, without our key: should the server say it back, nothing that is made of the answer shows it."""
        self._note(incoming.headers, began)
        text = incoming.body().decode("utf-8", "replace")
        text = text.replace(self.key.reveal(), REDACTED) if self.key else text
        return Reply(incoming.status, incoming.headers, _json(text), text)

    def _checked(self, reply: Reply, explain: Explain) -> Reply:
        if reply.status == _TOO_MANY:
            raise _throttled(self._host(), reply)
        if reply.status >= 500:
            raise ServerTroubleError(
                f"{self._host()} answers {reply.status}", hint="its servers are in trouble: try again in a minute"
            )
        if 300 <= reply.status < 400:
            place = reply.headers.get("Location", "elsewhere").partition("?")[0]
            raise BadAnswerError(
                f"{self._host()} redirects to {words(place, 80)}",
                hint=f"check the address ({self.variable})",
            )
        if reply.status >= 400:
            raise explain(reply)
        if reply.body is None and reply.status != _NO_CONTENT:
            raise BadAnswerError(
                f"{self._host()} answers something that is no JSON: {words(reply.text, 80)!r}",
                hint=f"check the address ({self.variable}), and whether the service is up",
            )
        return reply

    def _note(self, headers: Mapping[str, str], began: datetime) -> None:
        """Keep what the headers tell: limits, which hold the next call back when they are used up, and the time."""
        windows = windows_of(headers)
        wait_s = used_up_s(windows)
        self._windows = windows or self._windows
        if windows:
            self.turns.close(None if wait_s is None else self.clock.elapsed() + min(_LONGEST_WAIT_S, wait_s))
        middle = began + (SystemClock().now() - began) / 2  # `Date` tells real time, whatever clock the market keeps
        ahead_s = clock_ahead_s(headers, middle)
        self._clock_ahead_s = self._clock_ahead_s if ahead_s is None else ahead_s

    def _pace(self, endpoint: str) -> None:
        """Wait until the endpoint may be called again, and count the call. Threads and commands take turns."""
        now_s = self.clock.elapsed()
        turn_s = self.turns.take(endpoint, self.intervals_s.get(endpoint, 0.0), now_s)
        self._calls[endpoint] += 1
        self.clock.sleep(turn_s - now_s)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def _host(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


def words(text: str, most: int) -> str:
    """What a server says, in one short line, without whatever looks like a key or would move a terminal."""
    line = "".join(each if each.isprintable() else " " for each in text)
    return _LIKE_A_KEY.sub("…", " ".join(line.split()))[:most]


class _Bearer(AuthBase):
    """Sets the header itself: requests would let a line in ~/.netrc replace one that stands among the headers."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:  # some questions are answered to anybody, and to nobody with an empty key
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request


def _said(stream: Iterator[str], most: int) -> list[str]:
    """The lines before a heartbeat (a comment): one may open the stream, a later one says that nothing is new."""
    lines: list[str] = []
    heartbeats = 0
    for line in stream:
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


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "wait_s", None)
    backoff = 2.0 ** (state.attempt_number - 1)
    return min(_LONGEST_WAIT_S, max(backoff, asked or 0.0))


def _throttled(host: str, reply: Reply) -> CloudgpuError:
    """429: text with a threshold or JSON with a detail (Vast), headers (RunPod), a daily quota that no wait cures."""
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    if error == "search_quota_exceeded":
        stated = reply.headers.get("X-RateLimit-Reset", "").strip()
        reset = "midnight UTC" if not stated or stated.isdigit() else stated
        return RateLimitedError(
            f"the provider's daily search quota is used up until {reset}",
            hint="plan on reference prices: cloudgpu plan MODEL --offline; or on a file: --offers FILE",
        )
    found = _THRESHOLD.search(reply.text)
    asked = (
        retry_after_s(reply.headers),
        float(found[1]) if found else None,
        used_up_s(windows_of(reply.headers)),
    )
    wait_s = next((each for each in asked if each is not None), None)
    return Throttled(f"{host} says that we ask too often", wait_s=wait_s, hint="try again in a minute")


def _json(text: str) -> Any:  # noqa: ANN401  (whatever came)
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):  # a number beyond Decimal, or lists without end
        return None
