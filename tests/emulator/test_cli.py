"""`cloudgpu emulator …` as a user types it."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
import requests

from cloudgpu.base.clock import parse_utc
from cloudgpu.emulator import process

pytestmark = pytest.mark.slow


@pytest.fixture
def cloudgpu(tmp_path):
    """Runs a command with a state directory of its own; returns its status, stdout and stderr."""

    def run(*arguments):
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "cloudgpu", "emulator", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
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
    [
        (["start", "--speed", "-2"], "a clock cannot run at -2 times"),
        (["start", "--port", "70000"], "70000 is no port"),
    ],
)
def test_an_impossible_option_is_one_sentence_and_status_2(cloudgpu, arguments, said):
    status, _, err = cloudgpu(*arguments)
    assert status == 2
    assert said in err.partition("Hint:")[0]
    assert "Hint:" in err


def test_a_fault_is_posted_and_taken_back(cloudgpu):
    assert cloudgpu("fault", "add", "create", "502")[0] == 1  # nothing runs
    cloudgpu("start")
    assert cloudgpu("fault", "add", "create", "502")[1].splitlines()[1].split()[:3] == ["vast", "create", "502"]
    status, _, err = cloudgpu("fault", "add", "create", "explode")
    assert (status, "not 'explode'" in err) == (2, True)
    assert cloudgpu("fault", "add", "create", "502", "-o", "factor")[0] == 2
    asked = ("--times", "0", "--label", "x", "-o", "for_s=60", "--json")
    rows = json.loads(cloudgpu("fault", "add", "instance", "outbid", *asked)[1])["faults"]
    assert (rows[1]["do"], rows[1]["times"], rows[1]["label"]) == ("outbid", None, "x")
    assert json.loads(cloudgpu("fault", "list", "--json")[1])["faults"] == rows
    assert "No fault waits any more" in cloudgpu("fault", "clear")[1]
    assert cloudgpu("fault", "list")[1] == "No fault waits.\n"


def test_a_clock_can_stand_and_a_script_of_faults_be_given_at_the_start(cloudgpu, tmp_path):
    script = tmp_path / "faults.yaml"
    script.write_text("seed: 7\nfaults:\n  - {on: list, do: 502}\n", encoding="utf-8")
    shown = json.loads(cloudgpu("start", "--speed", "0", "--faults", str(script), "--json")[1])
    assert (shown["seed"], shown["speed"]) == (7, 0)
    assert json.loads(cloudgpu("fault", "list", "--json")[1])["faults"][0]["do"] == "502"
    later = json.loads(cloudgpu("advance", "3600", "--json")[1])["now"]
    assert later > shown["now"]
    assert json.loads(cloudgpu("status", "--json")[1])["now"] == later
    assert cloudgpu("advance", "--", "-1")[0] == 2
    assert cloudgpu("advance", "soon")[0] == 2
    longer = parse_utc(json.loads(cloudgpu("advance", "3h", "--json")[1])["now"])
    assert longer - parse_utc(later) == timedelta(hours=3)
    process.status(tmp_path / "cloudgpu").clock().sleep(60)  # a client that sleeps moves it for everybody
    assert json.loads(cloudgpu("status", "--json")[1])["now"] > later


def test_a_script_with_a_mistake_starts_nothing(cloudgpu, tmp_path):
    script = tmp_path / "faults.yaml"
    script.write_text("faults:\n  - {on: list, do: explode}\n", encoding="utf-8")
    status, _, err = cloudgpu("start", "--faults", str(script))
    assert status == 2
    assert "faults.yaml, line 2, faults[0]: do must be one of" in err.replace("\n", "")
    assert cloudgpu("status")[1].startswith("The emulator is not running")


def test_a_clock_that_runs_cannot_be_moved(cloudgpu):
    cloudgpu("start")
    status, _, err = cloudgpu("advance", "60")
    assert (status, "speed 0" in err) == (2, True)


def test_every_kind_of_fault_is_listed(cloudgpu):
    shown = json.loads(cloudgpu("fault", "kinds", "--json")[1])["kinds"]
    assert {"502_after_effect", "outbid", "rate_limits", "dies_mid_stream"} <= {row["do"] for row in shown}
    assert "stale_ports" in cloudgpu("fault", "kinds", "instance", "--provider", "runpod")[1]
    assert cloudgpu("fault", "kinds", "nowhere")[0] == 2


def rent(running):
    headers = {"Authorization": f"Bearer {running.api_key.reveal()}"}
    query = {"num_gpus": {"eq": 1}, "allocated_storage": 20}
    offer = requests.post(f"{running.url}/api/v0/bundles/", json=query, headers=headers, timeout=30).json()["offers"][0]
    body = {"image": "ubuntu:24.04", "disk": 20, "label": "my-label", "runtype": "ssh"}
    requests.put(f"{running.url}/api/v0/asks/{offer['id']}/", json=body, headers=headers, timeout=30).raise_for_status()
