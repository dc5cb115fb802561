"""The road to a provider: the key goes to its address alone, no word of it comes back, and no answer breaks it."""

import pytest
import responses

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadAnswerError, CloudgpuError, RateLimitedError
from cloudgpu.base.secret import Secret
from cloudgpu.running.providers.http import Http
from cloudgpu.running.providers.vast.errors import explain

URL = "https://provider.example"
ELSEWHERE = "https://elsewhere.example"
KEY = "k3y-nobody-may-see"
ASK = {
    "read": lambda http: http.read("GET", "/things/", endpoint="things"),
    "act": lambda http: http.act("PUT", "/things/", endpoint="things", body={}),
    "stream": lambda http: http.stream("/things/", endpoint="things", params={}, idle_s=1, most=5),
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
