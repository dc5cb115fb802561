"""The road to a provider: the key goes to its address alone, no word of it comes back, and no answer breaks it."""

import contextlib
import gzip
import itertools
import socket
import threading
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    RateLimitedError,
    RefusedKeyError,
    UnreachableError,
    UsageError,
)
from cloudgpu.base.secret import Secret
from cloudgpu.running.providers import event_stream
from cloudgpu.running.providers.base import Headroom, RateWindow
from cloudgpu.running.providers.event_stream import Patience
from cloudgpu.running.providers.http import Http, Timeouts
from cloudgpu.running.providers.limits import clock_ahead_s, retry_after_s, windows_of
from cloudgpu.running.providers.pages import all_rows
from cloudgpu.running.providers.vast.errors import explain

URL = "https://provider.example"
ELSEWHERE = "https://elsewhere.example"
KEY = "k3y-nobody-may-see"
ASK = {
    "read": lambda http: http.read("GET", "/things/", endpoint="things"),
    "act": lambda http: http.act("PUT", "/things/", endpoint="things", body={}),
    "stream": lambda http: http.stream("/things/", endpoint="things", params={}, patience=Patience(), most=5),
}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def http(clock):
    return Http(URL, Secret(KEY), clock, {}, explain)


@pytest.fixture
def server():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        yield server


def answers(server, **answer):
    for method in (responses.GET, responses.PUT):
        server.add(method, f"{URL}/things/", **answer)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_nothing_goes_where_it_points(http, server, ask, status):
    answers(server, status=status, headers={"Location": f"{ELSEWHERE}/things/?token=s3cret"})
    for method in (responses.GET, responses.PUT):
        server.add(method, f"{ELSEWHERE}/things/", json={"success": True})
    with pytest.raises(BadAnswerError, match=r"redirects to https://elsewhere\.example/things/") as refused:
        ask(http)
    assert [call.request.url.split("?")[0] for call in server.calls] == [f"{URL}/things/"]
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("status", [400, 401, 404, 418])
@pytest.mark.parametrize("secret", [KEY, "hf_" + "a1" * 20])
@pytest.mark.parametrize("body", ["no JSON: {}", '{{"error": "odd", "msg": "the key {} is odd"}}'])
def test_no_error_repeats_a_key_that_a_server_says_back(http, server, ask, status, secret, body):
    answers(server, status=status, body=body.format(secret))
    with pytest.raises(CloudgpuError) as told:
        ask(http)
    assert secret not in str(told.value)


@pytest.mark.parametrize("secret", [KEY, "hf_" + "a1" * 20])
def test_an_answer_that_is_no_json_is_shown_without_keys(http, server, secret):
    answers(server, body=f"<p>{secret}</p>")
    with pytest.raises(BadAnswerError, match="no JSON") as told:
        ASK["read"](http)
    assert secret not in str(told.value)


def test_our_key_does_not_come_in_again(http, server):
    answers(server, json={"id": 12, "api_key": KEY})
    reply = ASK["read"](http)
    assert reply.body["id"] == 12
    assert KEY not in repr(reply)


def test_words_that_are_no_json_are_shown_without_what_would_move_the_terminal(http, server):
    answers(server, body="<p>\x1b[2J busy\n</p>")
    with pytest.raises(BadAnswerError, match=r"no JSON: '<p> \[2J busy </p>'"):
        ASK["read"](http)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"dph_base": 1e99999999999999999999}'])
def test_json_that_no_reader_takes_is_no_json(http, server, body):
    answers(server, body=body)
    with pytest.raises(BadAnswerError, match="no JSON"):
        ASK["read"](http)


@pytest.mark.parametrize(
    ("body", "headers", "waited_s"),
    [
        ("endpoint threshold=4.5.", {}, 4.5),
        ("endpoint threshold=4.5.6", {}, 4.5),
        ("endpoint threshold=...", {}, 1.0),
        ("threshold=" + "9" * 5000, {}, 60.0),
        ("", {"Retry-After": "7"}, 7.0),
        ("", {"Retry-After": "."}, 1.0),
        ("", {"Retry-After": "\N{SUPERSCRIPT TWO}"}, 1.0),
        ("", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1.0),
        ("", {"RateLimit": '"minute";r=0;t=9'}, 9.0),
        ("", {"RateLimit": "r=0;t=" + "9" * 5000}, 60.0),
    ],
)
def test_whatever_a_429_asks_for_is_waited_out_and_never_an_exception(http, server, clock, body, headers, waited_s):
    server.get(f"{URL}/things/", status=429, body=body, headers=headers)
    server.get(f"{URL}/things/", json={})
    ASK["read"](http)
    assert clock.elapsed() == waited_s


def test_a_429_that_does_not_end_is_said(http, server):
    answers(server, status=429, body="threshold=1.0.")
    with pytest.raises(RateLimitedError):
        ASK["read"](http)
    assert len(server.calls) == 4


class Wire:
    """A server that sends what it is told, byte for byte, to everybody who connects, until the test is over."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.over, self.sent = threading.Event(), 0
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.threads = []

    def says(self, head, pieces=(), pause_s=0.0):
        self.threads.append(threading.Thread(target=self._serve, args=(head, pieces, pause_s)))
        self.threads[-1].start()
        return Http(self.url, Secret(KEY), ManualClock(), {}, explain, Timeouts(connect_s=60, read_s=60, act_s=60))

    def _serve(self, head, pieces, pause_s):
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self.listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(head)
                    for piece in pieces:
                        connection.sendall(piece)
                        self.sent += len(piece)
                        if self.over.wait(pause_s) if pause_s else self.over.is_set():
                            return
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(65536)  # what came in two pieces: else its sender is told of a reset

    def end(self):
        self.over.set()
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.end()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
MIB = 1024**2


def test_an_answer_of_200_mib_is_not_read_and_said_in_one_sentence(wire):
    http = wire.says(OK + b"\r\n", [b" " * MIB] * 200)
    with pytest.raises(BadAnswerError, match="sends an answer of more than 32 MiB: it was not read"):
        ASK["act"](http)
    assert wire.sent < 60 * MIB


@pytest.mark.parametrize("folds", [1, 2])
def test_what_is_compressed_counts_by_what_it_unfolds_to(wire, folds):
    bomb = b" " * (200 * MIB)
    for _ in range(folds):
        bomb = gzip.compress(bomb)
    assert len(bomb) < MIB
    encoding = ", ".join(["gzip"] * folds).encode()
    http = wire.says(OK + b"Content-Encoding: " + encoding + b"\r\n\r\n", [bomb])
    tracemalloc.start()
    with pytest.raises(BadAnswerError, match="more than 32 MiB"):
        ASK["act"](http)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * MIB


STREAM = OK.replace(b"application/json", b"text/event-stream") + b"\r\n"
LISTEN = {"endpoint": "logs", "params": {}, "most": 100_000}


def test_a_stream_is_read_until_it_falls_silent(wire):
    http = wire.says(STREAM, [b"data: 1\r\ndata: 2\r\n"] + [b""] * 10_000, pause_s=0.05)  # open for eight minutes
    began = time.monotonic()
    patience = Patience(first_s=300, next_s=2, in_all_s=300)
    assert http.stream("/logs", **LISTEN, patience=patience) == ["data: 1", "data: 2"]
    assert time.monotonic() - began < 60


def test_a_stream_that_goes_on_is_left_when_its_time_is_over(wire, monkeypatch):
    monkeypatch.setattr(event_stream, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    http = wire.says(STREAM, [b"data: x\n"] * 10_000, pause_s=0.02)
    patience = Patience(first_s=60, next_s=60, in_all_s=30)
    assert len(http.stream("/logs", **LISTEN, patience=patience)) == 29


def test_half_of_something_compressed_cannot_be_unpacked(wire):
    http = wire.says(OK + b"Content-Encoding: gzip\r\n\r\n", [b"this is no gzip"])
    with pytest.raises(BadAnswerError, match="cannot be unpacked"):
        ASK["act"](http)


@pytest.mark.parametrize("ask", ["read", "act"])
def test_an_answer_that_drips_ends_with_the_time_of_the_whole_call(wire, ask):
    http = wire.says(OK + b"\r\n{", [b" "] * 10_000, pause_s=0.05)  # for more than eight minutes
    http.timeouts = replace(http.timeouts, read_s=0.5, act_s=0.5)
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer in time"):
        ASK[ask](http)
    assert time.monotonic() - began < 60


def test_a_connection_that_breaks_off_in_the_middle_is_no_answer(wire):
    http = wire.says(OK + b"Content-Length: 4096\r\n\r\n", [b'{"success"'])
    with pytest.raises(UnreachableError, match="the connection failed"):
        ASK["act"](http)


def test_what_is_no_http_at_all_is_no_answer(wire):
    with pytest.raises(UnreachableError, match="the connection failed"):
        ASK["act"](wire.says(b"SSH-2.0-OpenSSH_9.2\r\n"))


def test_a_port_that_speaks_no_tls_is_told_in_one_sentence(wire):
    http = wire.says(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    http.base_url = http.base_url.replace("http://", "https://")
    with pytest.raises(UnreachableError, match="no trusted TLS connection") as told:
        ASK["act"](http)
    assert "\n" not in str(told.value)


def test_nobody_at_the_other_end_is_told_in_one_sentence(wire):
    free = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    with pytest.raises(UnreachableError, match="nothing listens there"):
        ASK["act"](Http(address, Secret(KEY), ManualClock(), {}, explain))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.exceptions.SSLError("certificate verify failed: certificate has expired (_ssl.c:1016)"), "expired"),
        (requests.exceptions.SSLError("certificate verify failed: self-signed certificate"), "signed by itself"),
        (requests.exceptions.SSLError("Hostname mismatch, certificate is not valid for 'x'"), "another host's"),
        (requests.exceptions.SSLError("EOF occurred"), "the handshake failed"),
        (requests.exceptions.ProxyError("Unable to connect to proxy"), "the proxy does not let us through"),
        (requests.ConnectionError("NameResolutionError(\"Failed to resolve 'x'\")"), "no machine of that name"),
        (requests.ConnectionError("[Errno 101] Network is unreachable"), "no way to it from here"),
        (requests.ConnectionError("[Errno 113] No route to host"), "no way to it from here"),
        (requests.exceptions.InvalidURL("Failed to parse"), "the connection failed"),
        (UnicodeError("label too long"), "the connection failed"),
    ],
)
def test_whatever_keeps_a_call_from_its_answer_is_one_sentence_and_no_traceback(http, server, error, said):
    answers(server, body=error)
    with pytest.raises(UnreachableError, match=said) as told:
        ASK["act"](http)
    assert "\n" not in str(told.value)
    assert "provider.example" in str(told.value)


@pytest.mark.parametrize(
    "url",
    ["", "console.vast.ai", "ftp://x.example", "http://", "http://[::1", "http://x:0", "http://x:99999", "http://ü.ai"],
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url):
    with pytest.raises(UsageError, match="VAST_URL holds no address"):
        Http(url, Secret(KEY), ManualClock(), {}, explain)


@pytest.mark.parametrize("key", ["two words", "k3y\nX-Other: 1", "schlüssel", "k\u200b3y"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key):
    with pytest.raises(RefusedKeyError) as told:
        Http(URL, Secret(key), ManualClock(), {}, explain)
    assert key not in str(told.value)


def test_the_headers_of_an_answer_tell_limits_and_the_providers_clock(http, server):
    ahead = datetime.now(UTC) + timedelta(seconds=90)
    headers = {
        "RateLimit": '"minute";r=176;t=41, "hour";r=7193;t=2411',
        "RateLimit-Policy": '"minute";q=180;w=60, "hour";q=7200;w=3600',
        "Date": format_datetime(ahead, usegmt=True),
    }
    answers(server, json={}, headers=headers)
    assert http.headroom() == Headroom(calls={}, least_s={}, windows=(), clock_ahead_s=None, last_minute=0)
    ASK["read"](http)
    ASK["act"](http)
    known = http.headroom()
    assert known.calls == {"things": 2}
    assert known.windows == (
        RateWindow(name="minute", left=176, limit=180, opens_in_s=41),
        RateWindow(name="hour", left=7193, limit=7200, opens_in_s=2411),
    )
    assert known.clock_ahead_s == pytest.approx(90, abs=2)


def test_a_date_to_wait_for_counts_from_the_answers_own(http, server, clock):
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    server.get(f"{URL}/things/", status=429, headers=headers)
    server.get(f"{URL}/things/", json={})
    ASK["read"](http)
    assert clock.elapsed() == 30.0


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_no_header_is_too_odd_to_be_read(limit, after, date):
    headers = {"RateLimit": limit, "RateLimit-Policy": after, "Retry-After": after, "Date": date}
    assert all(window.left >= 0 for window in windows_of(headers))
    assert (retry_after_s(headers) or 0.0) >= 0.0
    clock_ahead_s(headers, datetime(2026, 1, 1, tzinfo=UTC))


def test_pages_that_lead_in_a_circle_or_nowhere_or_on_for_ever_are_an_error():
    row = {"id": 1}
    for pages in (
        lambda token: ([row], "a"),
        lambda token: ([row], "b" if token == "a" else "a"),
        lambda token: ([] if token else [row], "a"),
        lambda token: ([row], f"{token}x"),
    ):
        with pytest.raises(BadAnswerError):
            all_rows(pages, BadAnswerError)
    assert all_rows(lambda token: ([row], None if token else "a"), BadAnswerError) == [row, row]
