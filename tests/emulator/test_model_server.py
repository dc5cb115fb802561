"""The OpenAI-compatible server of an instance."""

import json

import pytest
import requests

from cloudgpu.emulator.model_server.answers import answer
from cloudgpu.emulator.model_server.tokens import tokens

BEARER = {"Authorization": "Bearer sk-1"}
QUESTIONS = ("What is the capital of France?", "What is 17 + 25?", "Tell me a joke.", "Why are rents so high?")


@pytest.fixture
def server(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(24 * 3600)
    return emulator.address(instance_id)


def chat(server, content="What is the capital of Norway?", **more):
    body = {"model": "svc", "messages": [{"role": "user", "content": content}], **more}
    return requests.post(f"{server}/v1/chat/completions", json=body, headers=BEARER, timeout=30)


def test_it_lists_every_name_it_is_served_under(server):
    rows = requests.get(f"{server}/v1/models", headers=BEARER, timeout=30).json()["data"]
    assert [row["id"] for row in rows] == ["mistralai/Mistral-7B-Instruct-v0.2", "svc"]
    assert {row["max_model_len"] for row in rows} == {8192}


def test_a_stream_says_the_same_as_a_whole_answer_and_ends_with_the_usage(server):
    whole = chat(server).json()
    streamed = chat(server, stream=True, stream_options={"include_usage": True})
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert text == whole["choices"][0]["message"]["content"] == "The capital of Norway is Oslo."
    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_max_tokens_cuts_the_answer_and_says_so(server):
    choice = chat(server, max_tokens=3).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert "The capital of Norway is Oslo.".startswith(choice["message"]["content"])


def test_usage_counts_add_up(server):
    usage = chat(server).json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == len(tokens("The capital of Norway is Oslo."))


def test_an_unknown_model_is_a_404(server):
    answer = chat(server, model="other")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "The model `other` does not exist."


def test_a_prompt_longer_than_the_context_is_refused(server):
    answer = chat(server, content="word " * 9000)
    assert answer.status_code == 400
    assert "maximum context length is 8192" in answer.json()["error"]["message"]


@pytest.mark.parametrize("broken", [b"{", b'{"model": "svc"}', b'{"model": "svc", "messages": []}', b"[]"])
def test_a_body_that_makes_no_sense_is_a_400(server, broken):
    answer = requests.post(f"{server}/v1/chat/completions", data=broken, headers=BEARER, timeout=30)
    assert answer.status_code == 400


def test_plain_completions_work_too(server):
    body = {"model": "svc", "prompt": "What is the capital of Kenya?", "max_tokens": 20}
    answer = requests.post(f"{server}/v1/completions", json=body, headers=BEARER, timeout=30).json()
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"] == "The capital of Kenya is Nairobi."


def test_health_version_and_metrics_need_no_key(server):
    assert requests.get(f"{server}/health", timeout=30).content == b""
    assert requests.get(f"{server}/version", timeout=30).json() == {"version": "0.25.1"}
    before = metric(server, "vllm:generation_tokens_total")
    made = chat(server).json()["usage"]["completion_tokens"]
    assert metric(server, "vllm:generation_tokens_total") == before + made


def metric(server, name):
    lines = requests.get(f"{server}/metrics", timeout=30).text.splitlines()
    return float(next(line for line in lines if line.startswith(name + "{")).rpartition(" ")[2])


@pytest.mark.parametrize("question", QUESTIONS)
def test_two_models_can_be_told_apart_by_their_answers(question):
    mistral, qwen = (
        answer("mistralai/Mistral-7B-Instruct-v0.2", question),
        answer("Qwen/Qwen2.5-14B-Instruct", question),
    )
    assert mistral
    assert mistral != qwen
    assert answer("Qwen/Qwen2.5-14B-Instruct", question) == qwen


def test_tokens_join_to_the_text_again():
    for text in ("", "a", "  two  words \n", "Brasília, naturellement"):
        assert "".join(tokens(text)) == text


def test_a_text_has_its_own_vector_and_always_the_same(server):
    def embedded(**body):
        return requests.post(f"{server}/v1/embeddings", json={"model": "svc", **body}, headers=BEARER, timeout=30)

    rows = embedded(input=["one", "two", "one"]).json()["data"]
    one, two, again = (row["embedding"] for row in rows)
    assert one == again != two
    assert sum(each * each for each in one) == pytest.approx(1)
    assert embedded(input="one").json()["data"][0]["embedding"] == one
    assert [embedded(**body).status_code for body in ({}, {"input": "x", "model": "other"})] == [400, 404]
