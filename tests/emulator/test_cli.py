"""`cloudgpu emulator …` as a user types it."""

import json
import os
import subprocess
import sys

import pytest
import requests

from cloudgpu.emulator import process

pytestmark = pytest.mark.slow


@pytest.fixture
def cloudgpu(tmp_path):
    """Runs a command with a state directory of its own; returns its status, stdout and stderr."""

    def run(*arguments):
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "cloudgpu", "emulator", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    yield run
    process.stop(tmp_path / "cloudgpu")


def test_start_says_how_to_point_other_tools_at_it(cloudgpu):
    status, out, _ = cloudgpu("start")
    shown = json.loads(cloudgpu("status", "--json")[1])
    assert status == 0
    assert f"export VAST_URL={shown['url']}" in out
    assert f"export VAST_API_KEY={shown['environment']['VAST_API_KEY']}" in out
    assert shown["schema_version"] == 1


def test_stop_says_what_is_still_rented_and_that_the_clock_stands_still(cloudgpu, tmp_path):
    cloudgpu("start")
    rent(process.status(tmp_path / "cloudgpu"))
    assert "my-label" in cloudgpu("status")[1]
    status, out, err = cloudgpu("stop")
    assert status == 0
    assert "Still rented: my-label" in out + err
    assert "stand still" in out + err
    assert cloudgpu("stop")[:2] == (0, "The emulator was not running.\n")


def test_status_of_none_is_no_error(cloudgpu):
    assert cloudgpu("status")[0] == 0
    assert json.loads(cloudgpu("status", "--json")[1])["running"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["start", "--speed", "0"], "a clock cannot run at 0 times"), (["start", "--port", "70000"], "70000 is no port")],
)
def test_an_impossible_option_is_one_sentence_and_status_2(cloudgpu, arguments, said):
    status, _, err = cloudgpu(*arguments)
    assert status == 2
    assert f"Error: {said}" in err
    assert "Hint:" in err


def test_a_fault_is_posted_and_taken_back(cloudgpu):
    assert cloudgpu("fault", "create", "502")[0] == 1  # nothing runs
    cloudgpu("start")
    assert "create: 502" in cloudgpu("fault", "create", "502")[1]
    assert cloudgpu("fault", "create", "explode")[0] == 2
    assert "No fault waits any more" in cloudgpu("fault", "clear", "all")[1]


def rent(running):
    headers = {"Authorization": f"Bearer {running.api_key.reveal()}"}
    query = {"num_gpus": {"eq": 1}, "allocated_storage": 20}
    offer = requests.post(f"{running.url}/api/v0/bundles/", json=query, headers=headers, timeout=5).json()["offers"][0]
    body = {"image": "ubuntu:24.04", "disk": 20, "label": "my-label", "runtype": "ssh"}
    requests.put(f"{running.url}/api/v0/asks/{offer['id']}/", json=body, headers=headers, timeout=5).raise_for_status()
