"""The background process: found, kept over kills, and never mistaken for a stranger."""

import json
import os
import signal
import socket
import stat
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
import requests

from cloudgpu.base.errors import BadFileError, CloudgpuError, PortInUseError
from cloudgpu.cli.session import Session
from cloudgpu.emulator import process

pytestmark = pytest.mark.slow


@pytest.fixture
def state_dir(tmp_path):
    yield tmp_path
    process.stop(tmp_path)


def headers(running):
    return {"Authorization": f"Bearer {running.api_key.reveal()}"}


def rent(running, label="kept"):
    query = {"gpu_name": {"eq": "RTX 3090"}, "num_gpus": {"eq": 1}, "allocated_storage": 60, "inet_down": {"gte": 300}}
    found = requests.post(f"{running.url}/api/v0/bundles/", json=query, headers=headers(running), timeout=30).json()
    offer = next(row for row in found["offers"] if row["cuda_max_good"] >= 13 and row["disk_space"] > 60)
    body = {
        "image": "vllm/vllm-openai:v0.25.1", "disk": 60, "label": label, "runtype": "args", "cancel_unavail": True,
        "args": ["--model", "Qwen/Qwen3-0.6B", "--max-model-len", "4096"], "env": {"-p 8000:8000": "1"},
    }  # fmt: skip
    answer = requests.put(f"{running.url}/api/v0/asks/{offer['id']}/", json=body, headers=headers(running), timeout=30)
    return answer.json()["new_contract"]


def kill(running):
    os.kill(running.pid, signal.SIGKILL)
    while process.is_alive(running):
        time.sleep(0.01)


def wait_for_health(running, instance_id):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = requests.get(f"{running.url}/api/v0/instances/{instance_id}/", headers=headers(running), timeout=30)
        ports = answer.json()["instances"]["ports"]
        try:
            port = ports["8000/tcp"][0]["HostPort"]
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code == 200:
                return port
        except (KeyError, requests.ConnectionError):
            running.clock().sleep(20)
    raise AssertionError("the engine never got ready")


def test_the_clock_of_a_stopped_one_stands_and_it_goes_on_as_fast_as_before(state_dir):
    session = Session(SimpleNamespace(state_dir=state_dir))
    session.ensure_emulator()
    assert session.emulator_status().speed == process.DEFAULT_SPEED
    process.start(state_dir, speed=700, fresh=True)
    assert process.stop(state_dir)
    assert not session.emulator_runs()
    stopped = session.clock("emulator").now()
    time.sleep(0.05)
    assert session.clock("emulator").now() == stopped
    session.ensure_emulator()
    assert session.emulator_status().speed == 700
    assert session.clock("emulator").now() >= stopped


def test_it_starts_answers_and_stops(state_dir):
    running = process.start(state_dir, speed=600)
    assert process.is_alive(running)
    assert process.call(running, "GET", "/emulator/status")["machines"] > 200
    assert process.start(state_dir) == running  # a second start finds the first
    assert process.stop(state_dir)
    assert not process.is_alive(running)
    assert not process.stop(state_dir)


def test_it_listens_on_loopback_only(state_dir):
    running = process.start(state_dir)
    port = int(running.url.rpartition(":")[2])
    with open("/proc/net/tcp", encoding="utf-8") as table:
        listening = [line.split()[1] for line in table.readlines()[1:] if line.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_a_killed_world_goes_on_with_its_instances_its_bill_its_key_and_its_port(state_dir):
    first = process.start(state_dir, speed=3000)
    instance_id = rent(first)
    port = wait_for_health(first, instance_id)
    before = process.call(first, "GET", "/emulator/status")
    kill(first)
    assert not process.is_alive(process.status(state_dir))
    second = process.start(state_dir, speed=3000)
    after = process.call(second, "GET", "/emulator/status")
    assert second.api_key == first.api_key
    assert second.url == first.url
    assert [row["instance_id"] for row in after["instances"]] == [instance_id]
    assert after["now"] >= before["now"]  # time never runs backwards for those who watched
    assert float(after["bill_usd"]) > float(before["bill_usd"])
    assert wait_for_health(second, instance_id) == port


def test_the_clock_stands_still_while_it_is_stopped(state_dir):
    first = process.start(state_dir, speed=600)
    rent(first)
    seen = process.call(first, "GET", "/emulator/status")["now"]
    process.stop(state_dir)
    stopped = first.clock().now()
    time.sleep(0.2)  # two minutes of its clock, were it running
    second = process.start(state_dir, speed=600)
    assert second.origin <= stopped
    assert process.call(second, "GET", "/emulator/status")["now"] >= seen


def test_fresh_begins_a_new_world_but_keeps_the_key(state_dir):
    first = process.start(state_dir, seed=1)
    rent(first)
    second = process.start(state_dir, seed=2, fresh=True)
    found = process.call(second, "GET", "/emulator/status")
    assert (found["instances"], found["bill_usd"], found["seed"]) == ([], "0", 2)
    assert second.api_key == first.api_key
    assert not process.is_alive(first)


def test_a_fresh_world_has_other_accounts_and_begins_when_the_one_before_ended(state_dir):
    first = process.start(state_dir, speed=100_000)
    rent(first)
    seen = first.clock().now()
    second = process.start(state_dir, fresh=True)
    assert second.opened_at >= seen
    assert not set(second.accounts) & set(first.accounts)
    process.stop(state_dir)
    assert process.start(state_dir).accounts == second.accounts


def test_a_port_in_use_is_said_in_one_sentence(state_dir):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"another program listens on port {port}") as caught:
            process.start(state_dir, port=port)
    assert "--port" in caught.value.hint


def test_a_damaged_world_is_said_and_not_overwritten(state_dir):
    process.start(state_dir)
    process.stop(state_dir)
    world = state_dir / "emulator" / "world.json"
    world.write_text("{", encoding="utf-8")
    with pytest.raises(BadFileError, match="cannot be read"):
        process.start(state_dir)
    assert world.read_text(encoding="utf-8") == "{"
    assert process.start(state_dir, fresh=True)


def test_a_stranger_at_the_noted_address_is_left_alone(state_dir, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    stranger = process.start(other)
    try:
        mine = process.start(state_dir)
        process.stop(state_dir)
        note = state_dir / "emulator" / "emulator.json"
        claimed = {**json.loads(note.read_text(encoding="utf-8")), "url": stranger.url, "pid": stranger.pid}
        note.write_text(json.dumps({**claimed, "stopped": False}), encoding="utf-8")
        assert not process.is_alive(process.status(state_dir))
        assert not process.stop(state_dir)
        assert process.is_alive(stranger)
        assert mine.api_key != stranger.api_key
    finally:
        process.stop(other)


def test_its_files_are_for_their_owner_only(state_dir):
    process.start(state_dir)
    folder = state_dir / "emulator"
    for name in ("world.json", "emulator.json", "api_key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_it_ends_by_itself_when_its_folder_is_removed(tmp_path):
    running = process.start(tmp_path)
    for file in (tmp_path / "emulator").iterdir():
        file.unlink()
    (tmp_path / "emulator").rmdir()
    deadline = time.monotonic() + 60
    while process.is_alive(running):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (tmp_path / "emulator").exists()


def test_a_start_that_dies_shows_the_end_of_its_log(state_dir, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(broken(state_dir)))
    with pytest.raises(CloudgpuError, match="died at start: ImportError: no uvicorn today"):
        process.start(state_dir)


def broken(folder):
    """A folder that stands in for a damaged installation."""
    (folder / "uvicorn.py").write_text("raise ImportError('no uvicorn today')", encoding="utf-8")
    return folder


def test_whoever_only_looks_makes_no_folder(tmp_path):
    assert process.status(tmp_path / "state") is None
    assert not (tmp_path / "state").exists()


def test_a_place_that_takes_no_folder_is_one_sentence(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(CloudgpuError, match=r"cannot keep its world in .*: (Not a directory|File exists)") as refused:
        process.start(tmp_path / "state")
    assert "XDG_STATE_HOME" in refused.value.hint
