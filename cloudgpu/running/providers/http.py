"""The road to a provider: bounded calls, its rate limits kept on our side, reads repeated, everything else sent once.

Redirects are refused rather than followed: none of a provider's calls has one, and a key must not travel to a place
that nobody named. Nothing here is logged.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from queue import Queue
from threading import Event
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import BadAnswerError, RefusedKeyError, UnreachableError
from cloudgpu.base.secret import REDACTED, Secret
from cloudgpu.running.exchange import Incoming, begin, exchange, kept_session
from cloudgpu.running.providers.base import Headroom, RateWindow
from cloudgpu.running.providers.event_stream import Patience, said
from cloudgpu.running.providers.limits import clock_ahead_s, used_up_s, windows_of
from cloudgpu.running.providers.no_answer import check_address, no_answer
from cloudgpu.running.providers.reply import Explain, Reply, Throttled, checked, reply_of
from cloudgpu.running.providers.turns import Turns

T = TypeVar("T")

_READ_ATTEMPTS = 4
_LONGEST_WAIT_S = 60.0
_MOST_BYTES = 32 * 1024 * 1024
"""The largest honest answer is a search of 512 offers with 112 fields each: some 2 MiB."""

_KEY = re.compile(r"[!-~]+")
"""What can stand in a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Real seconds: to connect, and in all for a read and for a call that changes something, to its last byte."""

    connect_s: float = 10.0
    read_s: float = 30.0
    act_s: float = 120.0


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
    _session: requests.Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError for an address, RefusedKeyError for a key, that no call could be made with."""
        check_address(self.base_url, self.variable)
        if self.key and not _KEY.fullmatch(self.key.reveal()):
            raise RefusedKeyError(
                "the API key holds spaces or letters that no key has", hint="copy it again, without what stands around"
            )
        self._session = kept_session(self.base_url)

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
        return repeated(self._once, method, path, endpoint, self.timeouts.read_s, params, body, session=self._session)

    def act(
        self, method: str, path: str, *, endpoint: str, body: Mapping[str, Any], explain: Explain | None = None
    ) -> Reply:
        """Send something that changes the world, once, over a connection of its own, which nobody can have closed.

        `explain` stands in for the provider's own, for this call.

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
        lines = said(heard, patience, most)
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
            checked(reply, self.explain, self._host(), self.variable)
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
        session: requests.Session | None = None,
    ) -> Reply:
        self._pace(endpoint)
        began = SystemClock().now()
        reply = self._exchange(
            method, self._url(path), limit_s=limit_s, read=lambda incoming: self._reply(incoming, began),
            params=params, data=None if body is None else json.dumps(body), auth=_Bearer(self.key),
            headers={"Accept": "application/json", "Content-Type": "application/json"}, session=session,
        )  # fmt: skip
        return checked(reply, explain or self.explain, self._host(), self.variable)

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
        return reply_of(incoming.status, incoming.headers, text)

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
        if turn_s > now_s:
            self.clock.sleep(turn_s - now_s)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def _host(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


class _Bearer(AuthBase):
    """Sets the header itself: requests would let a line in ~/.netrc replace one that stands among the headers."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:  # some questions are answered to anybody, and to nobody with an empty key
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "wait_s", None)
    backoff = 2.0 ** (state.attempt_number - 1)
    return min(_LONGEST_WAIT_S, max(backoff, asked or 0.0))
