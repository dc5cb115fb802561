"""Ready means that a client gets an answer, from the right model, with the key."""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import responses
from hypothesis import HealthCheck as Slow
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import BadAnswerError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.running import health as health_module
from cloudgpu.running.health import alive, ask, probe
from cloudgpu.running.token_count import TokenCount
from cloudgpu.serving.launch import HealthCheck

URL = "http://203.0.113.7:41000"
KEY = Secret("sk-endpoint")
CHECK = HealthCheck(port=8000, path="/health", model_id="org/model")


@pytest.fixture
def server():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.get(f"{URL}/health", body="")
        server.get(f"{URL}/v1/models", json={"data": [{"id": "org/model"}, {"id": "chat"}]})
        server.post(f"{URL}/v1/chat/completions", json={"choices": [{"message": {"content": "Hello"}}]})
        yield server


def test_ready_is_health_model_and_a_completion(server):
    assert probe(URL, KEY, CHECK).ready
    asked = json.loads(server.calls[2].request.body)
    assert asked["max_tokens"] <= 8
    assert server.calls[2].request.headers["Authorization"] == "Bearer sk-endpoint"
    assert "Authorization" not in server.calls[0].request.headers


@pytest.mark.parametrize(
    ("more", "took"),
    [
        ({"usage": {"prompt_tokens": 11, "completion_tokens": 1}}, TokenCount(prompt=11, generation=1)),
        (
            {"usage": {"prompt_tokens": 11, "completion_tokens": 1}, "timings": {"prompt_n": 1}},
            TokenCount(prompt=1, generation=1),
        ),
        ({"usage": {"prompt_tokens": "many"}}, None),
        ({}, None),
    ],
    ids=["usage", "llama.cpp has the prompt in its cache", "nonsense", "it does not tell"],
)
def test_a_probe_says_what_the_engine_counted_for_it(server, more, took):
    answer = {"choices": [{"message": {"content": "Hello"}}], **more}
    server.replace(responses.POST, f"{URL}/v1/chat/completions", json=answer)
    assert (alive(URL, KEY, CHECK).took, probe(URL, KEY, CHECK).took) == (took, took)


class Engine(BaseHTTPRequestHandler):
    """Answers what a probe asks; `server.clients` holds who asked each time."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.clients.append(self.client_address)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answers = {
            "/v1/models": {"data": [{"id": "org/model"}]},
            "/v1/chat/completions": {"choices": [{"message": {"content": "Hello"}}]},
        }
        body = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - so they are looked up

    def log_message(self, *_):
        pass


def test_a_probe_asks_all_over_one_connection():
    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as engine:
        engine.clients = []
        serving = threading.Thread(target=engine.serve_forever)
        serving.start()
        found = probe(f"http://127.0.0.1:{engine.server_port}", KEY, CHECK)
        engine.shutdown()
        serving.join()
    assert found.ready
    assert (len(engine.clients), len(set(engine.clients))) == (3, 1)


def test_a_model_that_thinks_first_is_ready_too(server):
    message = {"content": None, "reasoning": "Hm"}
    server.replace(responses.POST, f"{URL}/v1/chat/completions", json={"choices": [{"message": message}]})
    assert probe(URL, KEY, CHECK).ready


@pytest.mark.parametrize(
    ("method", "path", "answer", "phase"),
    [
        ("GET", "/health", {"status": 503}, "opening"),
        ("GET", "/health", {"body": requests.ConnectionError("x")}, "silent"),
        ("GET", "/health", {"body": requests.ReadTimeout("x")}, "silent"),
        ("GET", "/v1/models", {"status": 401}, "wrong_model"),
        ("GET", "/v1/models", {"json": {"data": [{"id": "org/other"}]}}, "wrong_model"),
        ("GET", "/v1/models", {"body": "<html>"}, "silent"),
        ("POST", "/v1/chat/completions", {"status": 500}, "warming"),
        ("POST", "/v1/chat/completions", {"json": {"choices": [{"message": {"content": ""}}]}}, "warming"),
        ("POST", "/v1/chat/completions", {"json": {"choices": []}}, "warming"),
        ("GET", "/v1/models", {"json": []}, "wrong_model"),
        ("GET", "/v1/models", {"json": {"data": {"id": "org/model"}}}, "wrong_model"),
        ("GET", "/v1/models", {"json": {"data": ["org/model", None]}}, "wrong_model"),
        ("GET", "/v1/models", {"body": "[" * 100_000}, "silent"),
        ("GET", "/v1/models", {"body": json.dumps({"data": [{"id": "org/model"}]}) + " " * 5_000_000}, "silent"),
        ("POST", "/v1/chat/completions", {"json": []}, "warming"),
        ("POST", "/v1/chat/completions", {"json": {"choices": ["Hello"]}}, "warming"),
    ],
)
def test_whatever_is_missing_is_not_ready_and_never_an_exception(server, method, path, answer, phase):
    server.replace(method, f"{URL}{path}", **answer)
    health = probe(URL, KEY, CHECK)
    assert not health.ready
    assert health.phase == phase


def stream(*pieces):
    lines = [json.dumps({"choices": [{"delta": {"content": piece}}]}) for piece in pieces]
    usage = json.dumps({"choices": [], "usage": {"completion_tokens": 7}})
    return "".join(f"data: {line}\n\n" for line in (*lines, usage, "[DONE]"))


def test_an_answer_is_put_together_and_timed(server):
    server.replace(responses.POST, f"{URL}/v1/chat/completions", body=stream("", "Good ", "day"))
    answer = ask(URL, KEY, "org/model", "?")
    assert answer.text == "Good day"
    assert answer.tokens == 7
    assert 0 < answer.ttft_s <= answer.total_s


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"status": 401, "body": "no"}, BadAnswerError),
        ({"body": "data: {broken\n\n"}, BadAnswerError),
        ({"body": requests.ConnectionError("x")}, UnreachableError),
    ],
)
def test_no_answer_is_an_error_that_says_so(server, given, error):
    server.replace(responses.POST, f"{URL}/v1/chat/completions", **given)
    with pytest.raises(error):
        ask(URL, KEY, "org/model", "?")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "id", "choices", "message", "delta", "content", "usage"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[Slow.function_scoped_fixture])
@given(models=anything, completion=anything)
def test_no_answer_of_any_shape_breaks_a_look_or_a_question(server, models, completion):
    server.replace(responses.GET, f"{URL}/v1/models", json=models)
    server.replace(responses.POST, f"{URL}/v1/chat/completions", json=completion)
    assert not probe(URL, KEY, CHECK).ready
    server.replace(responses.GET, f"{URL}/v1/models", json={"data": [{"id": "org/model"}]})
    probe(URL, KEY, CHECK)
    server.replace(responses.POST, f"{URL}/v1/chat/completions", body=f"data: {json.dumps(completion)}\n\n")
    with contextlib.suppress(BadAnswerError):
        ask(URL, KEY, "org/model", "?")


def test_what_a_model_says_cannot_move_the_terminal_or_break_the_journal(server):
    said = {"choices": [{"message": {"content": "\x1b[2J\ud800 hello"}}]}
    server.replace(responses.POST, f"{URL}/v1/chat/completions", json=said)
    assert probe(URL, KEY, CHECK).detail == " [2J? hello"


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture
def trickle():
    """Starts servers that send their answer byte by byte, each well within the time-out of one read, and never end."""
    over = threading.Event()
    threads = []

    def serve(listening, at_once):
        with listening:
            connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(at_once)
            while not over.wait(0.02):
                connection.sendall(b"x")

    def start(at_once):
        listening = socket.create_server(("127.0.0.1", 0))
        threads.append(threading.Thread(target=serve, args=(listening, at_once)))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    over.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("at_once", [HEADERS, b"HTTP/1.1 200 OK\r\nX: "], ids=["the body", "the headers"])
def test_a_server_that_trickles_is_not_waited_for(trickle, monkeypatch, at_once):
    for limit in ("_PROBE_S", "_WARM_UP_S", "_ANSWER_S"):
        monkeypatch.setattr(health_module, limit, 0.3)
    began = time.monotonic()
    found = probe(trickle(at_once), KEY, CHECK)
    assert (found.phase, found.detail) == ("silent", "no answer in time")
    with pytest.raises(UnreachableError, match="no answer in time"):
        ask(trickle(at_once), KEY, "org/model", "?")
    assert time.monotonic() - began < 60  # they would trickle for ever


def test_an_answer_without_end_is_refused(server):
    server.replace(responses.POST, f"{URL}/v1/chat/completions", body=stream("Good day") + "x" * 5_000_000)
    with pytest.raises(BadAnswerError):
        ask(URL, KEY, "org/model", "?")


def test_an_error_in_the_middle_of_an_answer_is_no_answer(server):
    broken = stream("Good ").replace("data: [DONE]", 'data: {"error": {"message": "out of memory"}}')
    server.replace(responses.POST, f"{URL}/v1/chat/completions", body=broken)
    with pytest.raises(BadAnswerError):
        ask(URL, KEY, "org/model", "?")


EMBEDS = HealthCheck(port=8000, path="/health", model_id="org/model", asks="embedding")


def test_a_model_that_embeds_is_asked_for_a_vector_and_for_no_completion(server):
    server.post(f"{URL}/v1/embeddings", json={"data": [{"embedding": [0.5, 0.5]}]})
    found = probe(URL, KEY, EMBEDS)
    assert (found.ready, found.detail) == (True, "2 dimensions")
    assert alive(URL, KEY, EMBEDS).ready
    assert not any("completions" in call.request.url for call in server.calls)


@pytest.mark.parametrize("answer", [{"status": 404}, {"json": {"data": []}}, {"json": {"data": [{"embedding": []}]}}])
def test_a_model_that_gives_no_vector_is_not_ready(server, answer):
    server.post(f"{URL}/v1/embeddings", **answer)
    assert probe(URL, KEY, EMBEDS).phase == "warming"
    assert not alive(URL, KEY, EMBEDS).ready


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("[Errno 111] Connection refused", "nothing listens there"),
        ("('Connection aborted.', ConnectionResetError(104))", "the connection failed"),
    ],
)
def test_an_engine_that_is_gone_is_not_said_to_be_on_its_way(error, said):
    assert health_module._kind(requests.ConnectionError(error)) == said
