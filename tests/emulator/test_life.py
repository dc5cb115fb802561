"""An instance from its first second to its last, on a clock that is moved by hand."""

import pytest
import requests

CHAT = {"model": "svc", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
BEARER = {"Authorization": "Bearer sk-1"}
LONG_S = 3 * 3600


def states(emulator, instance_id, *, step_s=3, seconds=1200):
    seen = []
    for _ in range(seconds // step_s):
        row = emulator.show(instance_id)
        state = (row["actual_status"], bool(row["ports"]))
        if not seen or seen[-1] != state:
            seen.append(state)
        emulator.clock.sleep(step_s)
    return seen


def test_it_goes_through_vasts_states_and_shows_ports_only_while_it_runs(emulator):
    seen = states(emulator, emulator.rent())
    assert seen == [(None, False), ("created", False), ("loading", False), ("running", True)]


def test_running_is_not_ready_the_port_refuses_until_the_engine_has_loaded(emulator):
    instance_id = emulator.rent()
    while emulator.show(instance_id)["actual_status"] != "running":
        emulator.pass_time(5)
    with pytest.raises(requests.ConnectionError):
        requests.get(emulator.address(instance_id) + "/health", timeout=30)
    emulator.pass_time(LONG_S)
    assert requests.get(emulator.address(instance_id) + "/health", timeout=30).status_code == 200


def test_it_answers_with_its_key_and_not_without(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(LONG_S)
    url = emulator.address(instance_id) + "/v1/chat/completions"
    assert requests.post(url, json=CHAT, timeout=30).status_code == 401
    answer = requests.post(url, json=CHAT, headers=BEARER, timeout=30).json()
    assert answer["choices"][0]["message"]["content"] == "The capital of France is Paris."


def test_a_destroyed_instance_no_longer_answers(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(LONG_S)
    address = emulator.address(instance_id)
    emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {})
    with pytest.raises(requests.ConnectionError):
        requests.get(address + "/health", timeout=30)


def test_an_engine_whose_model_does_not_fit_says_so_and_exits(emulator):
    instance_id = emulator.rent(args=["--model", "Qwen/Qwen2.5-14B-Instruct", "--max-model-len", "8192"])
    emulator.pass_time(LONG_S)
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"], row["ports"]) == ("exited", "running", {})
    log = emulator.logs(instance_id)
    assert "EngineCore failed to start" in log
    assert "CUDA out of memory" in log


def test_a_context_too_long_for_the_card_is_refused_in_vllms_words(emulator):
    args = ["--model", "mistralai/Mistral-7B-Instruct-v0.2", "--max-model-len", "32768", "--gpu-memory-utilization=0.7"]
    instance_id = emulator.rent(args=args)
    emulator.pass_time(LONG_S)
    assert emulator.show(instance_id)["actual_status"] == "exited"
    assert "To serve at least one request with the models's max seq len (32768)" in emulator.logs(instance_id)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--model", "mistral"], "is not a valid model identifier"),
        (["--model", "Qwen/Qwen3-0.6B", "--max-modle-len", "8192"], "unrecognized arguments: --max-modle-len"),
        (["--model", "Qwen/Qwen3-0.6B", "--tensor-parallel-size", "2"], "larger than the number of available GPUs"),
    ],
    ids=["alias", "typo", "too-few-gpus"],
)
def test_a_command_line_that_vllm_would_refuse_ends_the_container(emulator, args, said):
    instance_id = emulator.rent(args=args)
    emulator.pass_time(LONG_S)
    assert emulator.show(instance_id)["actual_status"] == "exited"
    assert said in emulator.logs(instance_id)


def test_a_disk_smaller_than_the_weights_runs_full(emulator):
    instance_id = emulator.rent(disk=10)
    emulator.pass_time(LONG_S)
    assert "No space left on device" in emulator.logs(instance_id)
    assert emulator.show(instance_id)["actual_status"] == "exited"


def test_a_model_that_nobody_knows_starts_all_the_same_and_says_that_it_is_a_guess(emulator):
    instance_id = emulator.rent(args=["--model", "somebody/some-model"])
    emulator.pass_time(LONG_S)
    assert requests.get(emulator.address(instance_id) + "/health", timeout=30).status_code == 200
    assert "cannot size this" in emulator.logs(instance_id)


def test_the_log_grows_as_the_engine_starts(emulator):
    instance_id = emulator.rent()
    assert emulator.logs(instance_id) == ""
    emulator.pass_time(LONG_S)
    log = emulator.logs(instance_id)
    marks = ["Starting to load model", "Time spent downloading weights", "Model loading took", "torch.compile took"]
    marks += [
        "Available KV cache memory",
        "GPU KV cache size",
        "Graph capturing finished",
        "Application startup complete",
    ]
    assert [log.index(mark) for mark in marks] == sorted(log.index(mark) for mark in marks)
    assert len(emulator.logs(instance_id, tail="2").splitlines()) == 2


def test_logs_are_behind_an_address_that_cannot_be_guessed(emulator):
    instance_id = emulator.rent()
    assert requests.get(f"{emulator.url}/bucket/guess/{instance_id}.log", timeout=30).status_code == 403


def test_stopped_and_started_again_it_needs_no_second_download(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(LONG_S)
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "stopped"})
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"], row["ports"]) == ("exited", "stopped", {})
    emulator.pass_time(60)
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "running"})
    emulator.pass_time(180)
    assert requests.get(emulator.address(instance_id) + "/health", timeout=30).status_code == 200
    downloads = [line for line in emulator.bill()["instances"][0]["lines"] if line["meter"] == "download"]
    assert len(downloads) == 2  # image and weights, once each


def test_the_host_takes_its_machine_back_when_the_rental_ends(emulator):
    offer = emulator.offer(gpu_name={"neq": "x"}, duration={"lt": 86400 * 3}, verified={"eq": "any"})
    instance_id = emulator.rent(offer)
    emulator.pass_time(float(offer["duration"]) + 1)
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"]) == ("exited", "stopped")


def test_a_server_started_from_onstart_serves_as_well(emulator):
    script = "export HF_HOME=/x\nvllm serve Qwen/Qwen3-0.6B --port 8000 --api-key k2 --max-model-len 4096"
    instance_id = emulator.rent(runtype="ssh_direct", args=None, onstart=script, env={"-p 8000:8000": "1"})
    emulator.pass_time(LONG_S)
    url = emulator.address(instance_id) + "/v1/models"
    listed = requests.get(url, headers={"Authorization": "Bearer k2"}, timeout=30).json()["data"]
    assert [row["id"] for row in listed] == ["Qwen/Qwen3-0.6B"]


def test_the_ssh_run_type_replaces_the_entrypoint_so_that_nothing_serves(emulator):
    instance_id = emulator.rent(runtype="ssh")
    emulator.pass_time(LONG_S)
    assert emulator.show(instance_id)["actual_status"] == "running"
    with pytest.raises(requests.ConnectionError):
        requests.get(emulator.address(instance_id) + "/health", timeout=30)
