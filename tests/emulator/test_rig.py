"""The emulator in a test's own process: many worlds in a second, on a clock that only moves when somebody moves it."""

import errno
import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from cloudgpu.base.errors import CloudgpuError, PortInUseError
from cloudgpu.emulator.rig import START, Rig
from cloudgpu.emulator.standing_clock import StandingClock
from tests.no_power import obey_permissions

A5000 = {"name": "p", "image": "ubuntu:24.04", "gpu": {"id": "NVIDIA RTX A5000"}}


def test_time_moves_only_when_told(emulator):
    instance_id = emulator.rent()
    assert emulator.clock.now() == START
    assert emulator.show(instance_id)["actual_status"] is None
    answer = emulator.call("POST", "/emulator/advance", {"seconds": 5.5})
    assert answer.json()["now"] == "2026-03-01T00:00:05.500000Z"
    assert emulator.show(instance_id)["actual_status"] == "created"


def test_a_clock_on_a_disk_that_may_only_be_read_still_tells_the_time(tmp_path, monkeypatch):
    StandingClock(tmp_path / "clock").sleep(60)
    really = Path.open

    def refuse(path, mode="r"):
        if mode == "a+b":
            raise OSError(errno.EROFS, "Read-only file system")
        return really(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    assert StandingClock(tmp_path / "clock").now() == START + timedelta(seconds=60)
    with pytest.raises(OSError, match="Read-only"):
        StandingClock(tmp_path / "other")


@pytest.mark.parametrize("seconds", [-1, "5", None, True, 10**10])
def test_the_clock_is_not_moved_by_nonsense(emulator, seconds):
    assert emulator.call("POST", "/emulator/advance", {"seconds": seconds}).status_code == 400
    assert emulator.clock.now() == START


def test_a_reset_leaves_nothing_but_the_address(rig, emulator):
    emulator.rent()
    emulator.pass_time(7200)
    emulator.fault("list", "502")
    rig.reset(seed=2)
    assert (rig.rented(), rig.ever_rented(), rig.clock.now()) == ([], [], START)
    assert emulator.list().json()["total_instances"] == 0
    assert emulator.call("GET", "/emulator/status").json()["seed"] == 2
    assert emulator.bill()["total_usd"] == "0"


def test_a_snapshot_is_gone_back_to_as_often_as_one_likes(rig, emulator):
    rig.record()
    instance_id, pod = emulator.rent(), emulator.call("POST", "/v2/pods", A5000).json()["id"]
    emulator.pass_time(24 * 3600)
    emulator.fault("list", "502")
    kept, rented, received = rig.snapshot(), rig.ever_rented(), rig.received()
    address, bill = emulator.address(instance_id), emulator.bill()
    for _ in range(3):
        emulator.call("DELETE", f"/api/v0/instances/{instance_id}/")
        emulator.rent()
        rig.clear_faults()
        emulator.pass_time(3600)
        rig.restore(kept)
        assert (rig.ever_rented(), rig.received(), emulator.bill()) == (rented, received, bill)
        assert requests.get(f"{address}/health", timeout=30).status_code == 200
        assert emulator.list().status_code == 502  # the fault waits again
        rig.reset(seed=3)
    assert pod in {each.instance_id for each in rented}


def test_a_snapshot_whose_port_somebody_has_taken_is_refused(rig, emulator):
    instance_id = emulator.rent()
    emulator.pass_time(24 * 3600)
    kept, address = rig.snapshot(), emulator.address(instance_id)
    rig.reset()
    with socket.create_server(("127.0.0.1", urlsplit(address).port)), pytest.raises(PortInUseError):
        rig.restore(kept)


def test_the_truth_names_what_exists_and_what_it_costs(rig, emulator):
    kept, gone = emulator.rent(label="kept"), emulator.rent(label="gone")
    pod = emulator.call("POST", "/v2/pods", A5000).json()["id"]
    emulator.pass_time(3600)
    rig.destroy("vast", str(gone))
    rented = {each.instance_id: each for each in rig.rented()}
    assert set(rented) == {str(kept), pod}
    assert {each.instance_id for each in rig.ever_rented()} == {str(kept), str(gone), pod}
    assert rented[pod].provider == "runpod"
    assert rented[str(kept)].label == "kept"
    assert all(each.usd_per_hour > 0 for each in rented.values())
    assert sum(each.usd for each in rig.ever_rented()) == Decimal(emulator.bill()["total_usd"])


def test_each_account_has_a_key_of_its_own():
    with Rig(vast_key="v-1", runpod_key="r-1") as rig:

        def status(path, key):
            return requests.get(rig.url + path, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code

        assert [status("/api/v1/instances/", key) for key in ("v-1", "r-1")] == [200, 404]
        assert [status("/v2/pods", key) for key in ("v-1", "r-1")] == [401, 200]


def test_what_it_receives_is_kept_on_request(rig, emulator):
    emulator.list()
    rig.record()
    emulator.create(env={"HF_TOKEN": "hf_planted"})
    emulator.call("GET", "/emulator/status")
    kept = emulator.call("GET", "/emulator/received").json()["requests"]
    assert [row["method"] for row in kept] == ["POST", "PUT"]  # the search and the create; its own routes are not kept
    assert "hf_planted" in kept[1]["body"]
    assert ["authorization", emulator.http.headers["Authorization"]] in kept[1]["headers"]
    assert [each.path for each in rig.received()] == [row["path"] for row in kept]
    emulator.call("DELETE", "/emulator/received")
    emulator.list()
    assert emulator.call("GET", "/emulator/received").json() == {"recording": False, "requests": []}


def test_two_processes_share_one_clock_and_a_kill_loses_no_time(tmp_path):
    clock = StandingClock(tmp_path / "clock", START)
    program = (
        "import sys, os, signal; from pathlib import Path; from cloudgpu.emulator.standing_clock import StandingClock\n"
        "StandingClock(Path(sys.argv[1])).sleep(90); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(clock.path)], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    clock.sleep(10)
    assert clock.now() == START + timedelta(seconds=100)


def test_a_clock_that_may_only_be_read_tells_the_time_and_says_in_a_sentence_that_it_cannot_be_moved(tmp_path):
    path = StandingClock(tmp_path / "clock", START).path
    path.chmod(0o444)
    reader = os.fork()
    if reader == 0:
        obey_permissions()
        clock = StandingClock(path)
        try:
            clock.sleep(60)
        except CloudgpuError as error:
            os._exit(6 if clock.now() == START and "may only be read" in error.message and error.hint else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 6


def test_threads_that_sleep_at_the_same_time_all_count(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    clock = StandingClock(tmp_path / "clock", START)
    before = clock.elapsed()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(clock.sleep, [0.25] * 400))
    assert clock.elapsed() - before == 100


def test_what_the_engines_receive_is_kept_too(rig, emulator):
    instance_id = emulator.rent()
    emulator.pass_time(24 * 3600)
    address = emulator.address(instance_id)
    rig.record()
    body = {"model": "svc", "messages": [{"role": "user", "content": "planted question"}]}
    headers = {"Authorization": "Bearer sk-1"}
    answer = requests.post(f"{address}/v1/chat/completions", json=body, headers=headers, timeout=30)
    assert answer.json()["choices"][0]["message"]["content"]
    (kept,) = rig.received()
    assert (kept.at, kept.path) == ("engine", "/v1/chat/completions")
    assert "planted question" in kept.body
    assert ("authorization", "Bearer sk-1") in kept.headers


def test_the_engine_of_what_is_removed_at_the_console_is_silent_at_once(rig, emulator):
    instance_id = emulator.rent()
    emulator.pass_time(3600)
    address = emulator.address(instance_id)
    assert requests.get(f"{address}/health", timeout=30).status_code == 200
    rig.destroy("vast", str(instance_id))
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/health", timeout=30)
