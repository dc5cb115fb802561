"""One question over HTTP, every piece of the answer stamped as it comes. The network is reached here."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import requests
import urllib3

from cloudgpu.moving.bench.dialect import PATHS, Heard, body_of, error_in, hear
from cloudgpu.moving.bench.endpoint import Endpoint, Form
from cloudgpu.moving.bench.question import Question
from cloudgpu.moving.bench.sample import Sample, Trouble
from cloudgpu.running.exchange import json_of

_CONNECT_S = 5.0
_PIECE_BYTES = 65536
_MOST_BYTES = 16 * 1024 * 1024
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the workload a request stands, and when its stage began (`time.perf_counter`)."""

    users: int
    turn: int
    slot: int
    began: float


class Caller:
    """One user: a connection that is kept, as a real client keeps it. Close it when done; not for two threads."""

    def __init__(
        self, endpoint: Endpoint, *, limit_s: float, seed: int, stop: threading.Event, count_pieces: bool = False
    ) -> None:
        self._endpoint, self._limit_s, self._seed, self._stop = endpoint, limit_s, seed, stop
        self._count_pieces = count_pieces
        self._session = requests.Session()
        if endpoint.url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
            self._session.trust_env = False  # a proxy for the outside world must not be asked for loopback
        self._session.headers["Accept-Encoding"] = "identity"  # a compressed stream comes in lumps
        if endpoint.api_key:
            self._session.headers["Authorization"] = f"Bearer {endpoint.api_key.reveal()}"

    def connect(self) -> float | None:
        """Open the connection before anything is timed; the seconds of a second, empty round trip.

        None when nobody is there: the first question will say why.
        """
        try:
            for _ in range(2):
                began = time.perf_counter()
                self._session.head(f"{self._endpoint.url}/v1/models", timeout=_CONNECT_S)
            return time.perf_counter() - began
        except requests.RequestException:
            return None

    def ask(self, question: Question, place: Place) -> Sample:
        """Put the question and listen to the end, `limit_s` real seconds at most. Never raises for the other side."""
        says_when_done = self._endpoint.form is not Form.APP
        listening = _Listening(
            began=time.perf_counter(), limit_s=self._limit_s, stop=self._stop, says_when_done=says_when_done
        )
        trouble, detail = self._outcome(question, listening)
        sample = listening.sample(question, place, trouble, detail)
        guessed = self._count_pieces and sample.output_tokens is None and sample.pieces > 0
        return replace(sample, output_tokens=sample.pieces) if guessed else sample

    def close(self) -> None:
        """Drop the connection."""
        self._session.close()

    def _outcome(self, question: Question, listening: "_Listening") -> tuple[Trouble | None, str]:
        endpoint = self._endpoint
        try:
            with self._session.post(
                f"{endpoint.url}{PATHS[endpoint.form]}", json=body_of(endpoint, question, seed=self._seed),
                stream=True, timeout=(min(_CONNECT_S, self._limit_s), self._limit_s), allow_redirects=False,
            ) as response:  # fmt: skip
                return listening.to(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return _trouble_of(error, began=listening.last > listening.began)
        except ValueError as error:
            return Trouble.UNREADABLE, str(error)


@dataclass(slots=True, kw_only=True)
class _Listening:
    """An answer while it comes in."""

    began: float
    limit_s: float
    stop: threading.Event
    says_when_done: bool
    heard: Heard = field(default_factory=Heard)
    first: float | None = None
    first_answer: float | None = None
    last_piece: float = 0.0
    last: float = 0.0
    ended: float | None = None
    gaps: list[float] = field(default_factory=list)
    pieces: int = 0

    def to(self, response: requests.Response) -> tuple[Trouble | None, str]:
        if response.status_code != 200:
            return _refusal(response.status_code, _words(b"".join(self._pieces(response))))
        kind = response.headers.get("Content-Type", "")
        outcome = self._stream(response) if "text/event-stream" in kind else self._whole(response)
        self.last = self.ended or time.perf_counter()
        if outcome[0] is None and self.heard.is_empty:
            return Trouble.EMPTY, "the answer holds nothing"
        return outcome

    def sample(self, question: Question, place: Place, trouble: Trouble | None, detail: str) -> Sample:
        heard, end = self.heard, self.last or time.perf_counter()
        return Sample(
            kind=question.kind, users=place.users, turn=place.turn, slot=place.slot, began_s=self.began - place.began,
            e2el_s=end - self.began, ttft_s=self._since(self.first), answer_s=self._since(self.first_answer),
            itls_s=tuple(self.gaps), pieces=self.pieces, prompt_tokens=heard.prompt_tokens,
            output_tokens=heard.output_tokens, reasoning_tokens=heard.reasoning_tokens,
            finish_reason=heard.finish_reason, text="".join(heard.text), reasoning="".join(heard.reasoning),
            tool_calls=tuple(heard.tool_calls.values()),
            trouble=trouble, detail=_shown(detail),
        )  # fmt: skip

    def _whole(self, response: requests.Response) -> tuple[Trouble | None, str]:
        answer = json_of(b"".join(self._pieces(response)))
        error = error_in(answer)
        hear(self.heard, answer)
        return (Trouble.SERVER_ERROR, error) if error else (None, "")

    def _stream(self, response: requests.Response) -> tuple[Trouble | None, str]:
        events = _events(self._pieces(response))
        for data in events:
            now = time.perf_counter()
            if data == b"[DONE]":
                self.ended = now
                _drain(events)
                return None, ""
            chunk = json_of(data)
            error = error_in(chunk)
            if error:
                return Trouble.SERVER_ERROR, error
            self._piece(chunk, now)
        if self.says_when_done and self.heard.finish_reason is None:
            return Trouble.CUT_OFF, "the stream ended without an end"
        return None, ""

    def _piece(self, chunk: object, now: float) -> None:
        said, answered = hear(self.heard, chunk)
        if not said:
            return
        if self.first is None:
            self.first = now
        else:
            self.gaps.append(now - self.last_piece)
        if answered and self.first_answer is None:
            self.first_answer = now
        self.last_piece = self.last = now
        self.pieces += 1

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it arrives; the clock and our own stop are looked at with every piece."""
        size, raw = 0, response.raw
        for piece in response.iter_content(_PIECE_BYTES) if raw.chunked else iter(lambda: raw.read1(_PIECE_BYTES), b""):
            size += len(piece)
            if self.stop.is_set():
                raise _StoppedError
            if size > _MOST_BYTES:
                raise ValueError(f"an answer of more than {_MOST_BYTES} bytes")
            if time.perf_counter() - self.began > self.limit_s:
                raise requests.Timeout(f"no whole answer in {self.limit_s:g} s")
            yield piece

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None else moment - self.began


def _drain(events: Iterator[bytes]) -> None:
    """Hear what comes after the end, or the connection could not be kept for the next question."""
    with contextlib.suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        for _ in events:
            pass


class _StoppedError(OSError):
    """We ended it ourselves."""


def _events(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The data of each server-sent event, as soon as its line is whole."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.startswith(b"data:"):
                yield line[5:].strip()


def _refusal(status: int, words: str) -> tuple[Trouble, str]:
    kinds: dict[int, Trouble] = {
        401: Trouble.UNAUTHORISED, 403: Trouble.UNAUTHORISED, 404: Trouble.NOT_FOUND, 429: Trouble.OVERLOADED,
        503: Trouble.OVERLOADED,
    }  # fmt: skip
    trouble = kinds.get(status, Trouble.SERVER_ERROR if status >= 500 else Trouble.BAD_REQUEST)
    return trouble, f"{status}: {words}" if words else str(status)


def _words(body: bytes) -> str:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body[:_SHOWN].decode("utf-8", "replace")
    return error_in(found) or str(found)


def _trouble_of(error: Exception, *, began: bool) -> tuple[Trouble, str]:
    if isinstance(error, _StoppedError):
        return Trouble.STOPPED, "stopped"
    text = str(error)
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in text:
        return Trouble.TIMEOUT, "no whole answer in time"
    if began or isinstance(error, requests.exceptions.ChunkedEncodingError | urllib3.exceptions.ProtocolError):
        return Trouble.CUT_OFF, "the connection ended in the middle of the answer"
    if "reset" in text or "aborted" in text or "disconnected" in text:
        return Trouble.CUT_OFF, "the connection was closed without an answer"
    return Trouble.REFUSED, "nothing accepts a connection"


def _shown(words: str) -> str:
    """The beginning of what a server says, without whatever would move a terminal."""
    return "".join(each if each.isprintable() else " " for each in words.strip()[:_SHOWN])
