"""Ready means that a client gets an answer, from the right model, with the key."""

import json

import pytest
import requests
import responses

from cloudgpu.base.errors import BadAnswerError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.running.health import ask, probe
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
