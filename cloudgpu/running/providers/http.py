"""The road to a provider: time-outs, its rate limits kept on our side, reads repeated, everything else sent once.

Redirects are refused rather than followed: none of a provider's calls has one, and a key must not travel to a place
that nobody named. Nothing here is logged.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import BadAnswerError, CloudgpuError, RateLimitedError, UnreachableError
from cloudgpu.base.secret import REDACTED, Secret
from cloudgpu.running.providers.base import Headroom, RateWindow
from cloudgpu.running.providers.limits import clock_ahead_s, retry_after_s, used_up_s, windows_of

_READ_ATTEMPTS = 4
_LONGEST_WAIT_S = 60.0
_TOO_MANY = 429
_NO_CONTENT = 204
_THRESHOLD = re.compile(r"threshold\s*=\s*(\d+(?:\.\d+)?)")
_LIKE_A_KEY = re.compile(r"[A-Za-z0-9_-]{32,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Real seconds: to connect, to answer a read, to answer a call that changes something."""

    connect_s: float = 10.0
    read_s: float = 30.0
    act_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: status, the body as JSON (None when it is none), and the body as text."""

    status: int
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
    holds the address. A used-up window of a `RateLimit` header holds the next call back until it opens again.
    """

    base_url: str
    key: Secret
    clock: Clock
    intervals_s: Mapping[str, float]
    explain: Explain
    timeouts: Timeouts = field(default_factory=Timeouts)
    variable: str = "VAST_URL"
    _last_s: dict[str, float] = field(default_factory=dict)
    _closed_until_s: float | None = None
    _calls: Counter[str] = field(default_factory=Counter)
    _windows: tuple[RateWindow, ...] = ()
    _clock_ahead_s: float | None = None

    def headroom(self) -> Headroom:
        """What the calls so far tell of the provider's limits and time. Calls no network."""
        return Headroom(
            calls=dict(self._calls), least_s=dict(self.intervals_s), windows=self._windows,
            clock_ahead_s=self._clock_ahead_s,
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
        try:
            with self._session(url) as session:
                response = session.get(url, timeout=(self.timeouts.connect_s, self.timeouts.read_s))
        except requests.RequestException as error:
            raise _no_answer(url, error) from error
        return response.text if response.status_code == 200 else None

    def stream(self, path: str, *, endpoint: str, params: Mapping[str, Any], idle_s: float, most: int) -> list[str]:
        """Lines of an event stream, which never ends by itself: until `most`, a heartbeat, or `idle_s` of silence.

        `idle_s` are real seconds. Raises as `read` does, but is sent once.
        """
        self._pace(endpoint)
        url = self.base_url.rstrip("/") + path
        try:
            with self._session(url) as session, session.get(
                url, params=params, headers={"Accept": "text/event-stream"}, auth=_Bearer(self.key), stream=True,
                timeout=(self.timeouts.connect_s, idle_s), allow_redirects=False,
            ) as response:  # fmt: skip
                if response.status_code != 200:
                    self._checked(response, self._reply(response), self.explain)
                lines = _said(_until_idle(response), most)
        except requests.RequestException as error:
            raise _no_answer(self.base_url, error) from error
        return lines

    def _once(
        self,
        method: str,
        path: str,
        endpoint: str,
        timeout_s: float,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        explain: Explain | None = None,
    ) -> Reply:
        self._pace(endpoint)
        url = self.base_url.rstrip("/") + path
        try:
            with self._session(url) as session:
                response = session.request(
                    method, url, params=params, data=None if body is None else json.dumps(body),
                    headers={"Accept": "application/json", "Content-Type": "application/json"},
                    auth=_Bearer(self.key), timeout=(self.timeouts.connect_s, timeout_s), allow_redirects=False,
                )  # fmt: skip
                reply = self._reply(response)
        except requests.RequestException as error:
            raise _no_answer(self.base_url, error) from error
        return self._checked(response, reply, explain or self.explain)

    def _reply(self, response: requests.Response) -> Reply:
        """The answer, without our key: should the server say it back, nothing that is made of the answer shows it."""
        text = response.text.replace(self.key.reveal(), REDACTED) if self.key else response.text
        return Reply(response.status_code, _json(text), text)

    def _checked(self, response: requests.Response, reply: Reply, explain: Explain) -> Reply:
        self._note(response)
        if reply.status == _TOO_MANY:
            raise _throttled(response, reply)
        if reply.status >= 500:
            raise ServerTroubleError(
                f"{self._host()} answers {reply.status}", hint="its servers are in trouble: try again in a minute"
            )
        if 300 <= reply.status < 400:
            place = response.headers.get("Location", "elsewhere").partition("?")[0]
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

    def _note(self, response: requests.Response) -> None:
        """Keep what the headers tell: limits, which hold the next call back when they are used up, and the time."""
        self._windows = windows_of(response.headers) or self._windows
        wait_s = used_up_s(windows_of(response.headers))
        self._closed_until_s = None if wait_s is None else self.clock.elapsed() + min(_LONGEST_WAIT_S, wait_s)
        middle = SystemClock().now() - response.elapsed / 2  # `Date` tells real time, whatever clock the market keeps
        ahead_s = clock_ahead_s(response.headers, middle)
        self._clock_ahead_s = self._clock_ahead_s if ahead_s is None else ahead_s

    def _pace(self, endpoint: str) -> None:
        """Wait until the endpoint may be called again, and count the call."""
        if self._closed_until_s is not None:
            self.clock.sleep(max(0.0, self._closed_until_s - self.clock.elapsed()))
            self._closed_until_s = None
        interval_s, last_s = self.intervals_s.get(endpoint, 0.0), self._last_s.get(endpoint)
        if last_s is not None:
            self.clock.sleep(max(0.0, last_s + interval_s - self.clock.elapsed()))
        self._last_s[endpoint] = self.clock.elapsed()
        self._calls[endpoint] += 1

    def _session(self, url: str) -> requests.Session:
        session = requests.Session()
        if _is_loopback(url):
            session.trust_env = False  # a proxy for the outside world must not be asked for loopback
        return session

    def _host(self) -> str:
        return urlsplit(self.base_url).netloc or self.base_url


def words(text: str, most: int) -> str:
    """What a server says, in one short line, without whatever looks like a key or would move a terminal."""
    line = "".join(each if each.isprintable() else " " for each in text)
    return _LIKE_A_KEY.sub("…", " ".join(line.split()))[:most]


class _Bearer(AuthBase):
    """Sets the header itself: requests would let a line in ~/.netrc replace one that stands among the headers."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
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


def _until_idle(response: requests.Response) -> Iterator[str]:
    """The lines of a stream; its end, a silence of the read time-out and a broken connection all end it alike."""
    try:
        for line in response.iter_lines(chunk_size=None):
            yield line.decode("utf-8", "replace")
    except requests.RequestException:
        return


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "wait_s", None)
    backoff = 2.0 ** (state.attempt_number - 1)
    return min(_LONGEST_WAIT_S, max(backoff, asked or 0.0))


def _throttled(response: requests.Response, reply: Reply) -> CloudgpuError:
    """429: text with a threshold or JSON with a detail (Vast), headers (RunPod), a daily quota that no wait cures."""
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    if error == "search_quota_exceeded":
        reset = response.headers.get("X-RateLimit-Reset", "midnight UTC")
        return RateLimitedError(
            f"the provider's daily search quota is used up until {reset}",
            hint="plan on --offers FILE or reference prices",
        )
    found = _THRESHOLD.search(reply.text)
    asked = (
        retry_after_s(response.headers),
        float(found[1]) if found else None,
        used_up_s(windows_of(response.headers)),
    )
    wait_s = next((each for each in asked if each is not None), None)
    return Throttled("the provider says that we ask too often", wait_s=wait_s, hint="try again in a minute")


def _no_answer(place: str, error: requests.RequestException) -> CloudgpuError:
    host = urlsplit(place).netloc or place
    what = "no answer in time" if isinstance(error, requests.Timeout) else "the connection failed"
    return UnreachableError(f"{host}: {what}", hint="check the network, and whether the service is up")


def _json(text: str) -> Any:  # noqa: ANN401  (whatever came)
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):  # a number beyond Decimal, or lists without end
        return None


def _is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1")
