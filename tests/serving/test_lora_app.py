"""The application in templates/transformers-lora/, run for real: a tiny random model on the CPU, over HTTP."""

import json
import os
import subprocess
import time

import pytest
import requests

from cloudgpu.base.data import data_dir
from tests.emulator.clients import answer_of, installed
from tests.free_port import free_port

pytestmark = [pytest.mark.official, pytest.mark.slow]

APP = data_dir("templates") / "transformers-lora"
KEY = {"Authorization": "Bearer sk-test"}
QUESTION = [{"role": "user", "content": "hello"}]
GREEDY = {"messages": QUESTION, "max_tokens": 12, "temperature": 0}
START_S = 600


@pytest.fixture(scope="session")
def programs():
    """The application's own environment, without what only a GPU needs."""
    wanted = (APP / "requirements.txt").read_text(encoding="utf-8").split()
    return installed("transformers-lora", *(each for each in wanted if not each.startswith("bitsandbytes")))


@pytest.fixture(scope="session")
def tiny(programs, tmp_path_factory):
    """(folder of the models, what plain transformers say)."""
    home = tmp_path_factory.mktemp("tiny")
    script = (APP.parent.parent / "tests" / "serving" / "tiny_model.py").read_text(encoding="utf-8")
    return home, answer_of(programs, script, str(home), environment=_environment(home))


@pytest.fixture(scope="module")
def start(programs, tiny):
    """Starts the server with these variables; returns its URL and process. It is stopped at the end."""
    running = []

    def begin(**variables):
        home, port = tiny[0], free_port()
        environment = _environment(home) | {
            "MODEL_NAME": str(home / "base"), "QUANTIZATION": "bf16", "API_KEY": "sk-test", "PORT": str(port),
            "HOST": "127.0.0.1", "REQUESTS_PER_MINUTE": "1000", **variables,
        }  # fmt: skip
        command = [str(programs / "python"), "-m", "app"]
        running.append(subprocess.Popen(command, cwd=APP, env=environment, stderr=subprocess.PIPE, text=True))
        return f"http://127.0.0.1:{port}", running[-1]

    yield begin
    for each in running:
        each.kill()
        each.communicate()


@pytest.fixture(scope="module")
def adapted(start, tiny):
    """(URL of a ready server with the adapter, every answer of /health until then, one of /chat meanwhile).

    Its adapter's settings are a pipe, so that loading stands still until somebody has looked.
    """
    settings = tiny[0] / "adapter" / "adapter_config.json"
    text = settings.read_text(encoding="utf-8")
    settings.unlink()
    os.mkfifo(settings)
    url, process = start(ADAPTER_NAME=str(tiny[0] / "adapter"), WAIT_S="60")
    seen = [_first_health(url, process)]
    while seen[-1][1]["phase"] == "starting":
        seen.append(_first_health(url, process))
    too_early = requests.post(f"{url}/chat", json={"message": "hello"}, headers=KEY, timeout=60)
    with settings.open("w", encoding="utf-8") as pipe:
        settings.unlink()
        settings.write_text(text, encoding="utf-8")
        pipe.write(text)
    return url, seen + _until_settled(url, process), too_early


def _environment(home):
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def _until_settled(url, process):
    """Every answer of /health until it is ready or an error."""
    seen, end = [_first_health(url, process)], time.monotonic() + START_S
    while seen[-1][1]["status"] == "loading":
        assert time.monotonic() < end, seen[-1]
        time.sleep(0.05)
        seen.append(_first_health(url, process))
    return seen


def _first_health(url, process):
    """(status, body) as soon as the port is open."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, process.stderr.read()
        try:
            answer = requests.get(f"{url}/health", timeout=60)
            return answer.status_code, answer.json()
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError("the port was never opened")


def _events(answer):
    assert answer.status_code == 200, answer.text
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line]


def test_health_is_503_with_phase_and_progress_until_the_model_answers(adapted):
    (*before, (status, body)), too_early = adapted[1:]
    assert (status, body["status"], body["progress"]) == (200, "ready", 1.0)
    begun = next(each for each in before if each[1]["phase"] != "starting")
    assert begun == (503, {"status": "loading", "phase": "downloading", "progress": 0.2, "detail": ""})
    assert (too_early.status_code, too_early.headers["Retry-After"]) == (503, "10")
    assert {each[0] for each in before} == {503}
    shares = [each[1]["progress"] for each in before]
    assert shares == sorted(shares)
    assert all(each[1]["phase"] in ("starting", "downloading", "loading", "adapting", "warming") for each in before)


def test_the_answer_is_the_adapted_models_own_and_not_the_bases(adapted, tiny):
    answer = requests.post(f"{adapted[0]}/v1/chat/completions", json=GREEDY, headers=KEY, timeout=60).json()
    assert answer["choices"][0]["message"]["content"] == tiny[1]["adapted"]["text"] != tiny[1]["base"]["text"]
    assert answer["usage"]["prompt_tokens"] == tiny[1]["adapted"]["prompt_tokens"]
    assert answer["usage"]["completion_tokens"] == 12
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_stream_says_the_same_and_ends_with_its_usage(adapted, tiny):
    asked = GREEDY | {"stream": True, "stream_options": {"include_usage": True}}
    *rows, done = _events(requests.post(f"{adapted[0]}/v1/chat/completions", json=asked, headers=KEY, timeout=60))
    assert done == "[DONE]"
    chunks = [json.loads(row) for row in rows]
    said = "".join(each["choices"][0]["delta"].get("content", "") for each in chunks if each["choices"])
    assert said == tiny[1]["adapted"]["text"]
    assert chunks[-1]["usage"]["completion_tokens"] == 12
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [each["choices"][0]["finish_reason"] for each in chunks[-2:-1]] == ["length"]


def test_chat_takes_a_message_and_streams_too(adapted, tiny):
    asked = {"message": "hello", "max_tokens": 12, "temperature": 0}
    plain = requests.post(f"{adapted[0]}/chat", json=asked, headers=KEY, timeout=60).json()
    assert plain["answer"] == tiny[1]["adapted"]["text"]
    *pieces, end = _events(requests.post(f"{adapted[0]}/chat", json=asked | {"stream": True}, headers=KEY, timeout=60))
    assert "".join(json.loads(each)["delta"] for each in pieces) == tiny[1]["adapted"]["text"]
    assert json.loads(end)["completion_tokens"] == 12


def test_a_system_message_that_the_template_refuses_goes_into_the_first_user_turn(adapted):
    asked = {"message": "hello", "system": "be brief", "max_tokens": 2, "temperature": 0}
    with_system = requests.post(f"{adapted[0]}/chat", json=asked, headers=KEY, timeout=60).json()
    merged = {"message": "be brief\n\nhello", "max_tokens": 2, "temperature": 0}
    by_hand = requests.post(f"{adapted[0]}/chat", json=merged, headers=KEY, timeout=60).json()
    assert with_system == by_hand


def test_evaluate_says_which_answers_hold_what_they_must(adapted, tiny):
    text = tiny[1]["adapted"]["text"]
    questions = [
        {"message": "hello", "checks": [{"type": "equals", "value": text}, {"type": "regex", "value": "."}]},
        {"message": "hello", "checks": [{"type": "contains", "value": "never in there"}]},
    ]
    body = requests.post(
        f"{adapted[0]}/evaluate", json={"questions": questions, "max_tokens": 12}, headers=KEY, timeout=60
    ).json()
    assert (body["passed"], body["of"]) == (1, 2)
    assert body["results"][1]["failed"] == ["contains never in there"]


def test_nothing_but_health_answers_without_the_key(adapted):
    for method, path in (("GET", "/v1/models"), ("POST", "/chat"), ("POST", "/init"), ("POST", "/evaluate")):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert requests.request(method, adapted[0] + path, headers=headers, timeout=60).status_code == 401
    assert requests.get(f"{adapted[0]}/health", timeout=60).status_code == 200


def test_models_lists_base_and_adapter_and_init_does_nothing_twice(adapted, tiny):
    listed = requests.get(f"{adapted[0]}/v1/models", headers=KEY, timeout=60).json()["data"]
    assert [each["id"] for each in listed] == [str(tiny[0] / "base"), str(tiny[0] / "adapter")]
    assert requests.post(f"{adapted[0]}/init", headers=KEY, timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"messages": []}, 422),
        ({"messages": QUESTION, "max_tokens": 0}, 422),
        ({"messages": [{"role": "robot", "content": "x"}]}, 422),
        ({"messages": QUESTION, "max_tokens": 250}, 400),  # more than the model's 256 positions
        ({"messages": [{"role": "user", "content": "x" * 300}], "max_tokens": 1}, 400),
    ],
)
def test_what_cannot_be_answered_is_said_before_anything_is_computed(adapted, body, status):
    answer = requests.post(f"{adapted[0]}/v1/chat/completions", json=body, headers=KEY, timeout=60)
    assert answer.status_code == status
    assert requests.get(f"{adapted[0]}/health", timeout=60).status_code == 200


def test_an_adapter_of_another_base_is_refused_and_health_says_so(start, tiny):
    url, process = start(ADAPTER_NAME=str(tiny[0] / "foreign"), REQUESTS_PER_MINUTE="2")
    status, body = _until_settled(url, process)[-1]
    assert (status, body["status"]) == (503, "error")
    assert "somebody/another-model" in body["detail"]
    answers = [requests.post(f"{url}/chat", json={"message": "hi"}, headers=KEY, timeout=60) for _ in range(3)]
    assert [each.status_code for each in answers] == [503, 503, 429]  # not loaded; then beyond two a minute
    assert all(int(each.headers["Retry-After"]) > 0 for each in answers)


@pytest.mark.parametrize(
    ("variables", "says"),
    [({"API_KEY": ""}, "API_KEY"), ({"MODEL_NAME": ""}, "MODEL_NAME"), ({"QUANTIZATION": "3bit"}, "3bit"),
     ({"PORT": "many"}, "PORT")],
)  # fmt: skip
def test_a_wrong_environment_ends_the_program_with_one_sentence(start, variables, says):
    process = start(**variables)[1]
    told = process.communicate(timeout=START_S)[1]
    assert process.returncode == 1
    assert says in told
    assert "Traceback" not in told
