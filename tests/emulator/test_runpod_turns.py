"""Turns that a pod takes at its start, and refusals of its own."""

import pytest

A5000 = "NVIDIA RTX A5000"
BODY = {
    "name": "mine", "image": "vllm/vllm-openai:v0.25.1", "disk": 72, "ports": ["8000/http"],
    "gpu": {"id": A5000, "minCudaVersion": "13.0"}, "cmd": ["--model", "Qwen/Qwen3-0.6B", "--max-model-len", "4096"],
}  # fmt: skip


@pytest.fixture
def fault(emulator):
    return lambda on, do, **more: emulator.fault(on, do, provider="runpod", **more)


@pytest.fixture
def running(emulator):
    """A pod that serves."""
    pod = emulator.call("POST", "/v2/pods", BODY).json()["id"]
    emulator.pass_time(1500)
    return pod


def show(emulator, pod):
    return emulator.call("GET", f"/v2/pods/{pod}").json()


def act(emulator, pod, action):
    return emulator.call("POST", f"/v2/pods/{pod}/action", {"action": action})


def ports(emulator, pod):
    return [port["public"] for port in show(emulator, pod)["runtime"]["ports"]]


def test_ports_can_be_an_empty_list_for_a_while(emulator, fault):
    fault("instance", "empty_ports", seconds=3000)
    pod = emulator.call("POST", "/v2/pods", BODY).json()["id"]
    emulator.pass_time(1500)
    assert ports(emulator, pod) == []
    emulator.pass_time(1600)
    assert len(ports(emulator, pod)) == 1


def test_old_ports_can_be_shown_for_a_while_after_a_restart(emulator, fault, running):
    before = ports(emulator, running)
    fault("instance", "stale_ports", label="mine", seconds=1000)
    act(emulator, running, "restart")
    emulator.pass_time(900)
    assert ports(emulator, running) == before
    emulator.pass_time(200)
    assert set(ports(emulator, running)).isdisjoint(before)


def test_a_start_can_come_up_without_a_gpu(emulator, fault, running):
    fault("instance", "zero_gpus", label="mine")
    act(emulator, running, "stop")
    act(emulator, running, "start")
    emulator.pass_time(1500)
    shown = show(emulator, running)
    assert (shown["status"], shown["gpu"]["count"]) == ("RUNNING", 0)
    assert shown["cost"] < 0.05  # its disk alone
    act(emulator, running, "restart")


@pytest.mark.parametrize(
    ("do", "said"),
    [("no_free_gpus", "not enough free GPUs on the host machine"), ("spend_cap", "spend limit"), ("no_capacity", "no")],
)
def test_a_start_can_be_refused_with_prose(emulator, fault, running, do, said):
    act(emulator, running, "stop")
    fault("state", do)
    answer = act(emulator, running, "start")
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert show(emulator, running)["status"] == "EXITED"


def test_a_container_can_be_past_mending(emulator, fault, running):
    fault("instance", "error", label="mine", after_s=0)
    shown = show(emulator, running)
    assert (shown["status"], shown["actions"], shown["runtime"]) == ("ERROR", ["start", "terminate"], None)


def test_an_engine_can_run_out_of_memory_in_a_pod_which_runpod_calls_running(emulator, fault):
    fault("instance", "oom")
    pod = emulator.call("POST", "/v2/pods", BODY).json()["id"]
    emulator.pass_time(1500)
    assert show(emulator, pod)["status"] == "RUNNING"
    answer = emulator.http.get(f"{emulator.url}/v2/pods/{pod}/logs", params={"tail": 9}, stream=True, timeout=30)
    lines = iter(answer.iter_lines(decode_unicode=True))
    assert any("CUDA out of memory" in next(lines) for _ in range(27))
    answer.close()


def test_a_faulty_engine_answers_in_the_market_too(emulator, fault, running):
    import requests

    address = f"http://127.0.0.1:{ports(emulator, running)[0]}"
    fault("engine", "garbage", label="mine")
    body = {"messages": [{"role": "user", "content": "What is the capital of France?"}]}

    def ask():
        answer = requests.post(f"{address}/v1/chat/completions", json=body, timeout=30)
        return answer.json()["choices"][0]["message"]["content"]

    assert set(ask()) == {"!"}
    assert "Paris" in ask()
    fault("engine", "dies_mid_stream", label="mine", tokens=2)
    with pytest.raises(requests.ConnectionError):
        ask()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/health", timeout=30)
