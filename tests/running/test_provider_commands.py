"""`up`, `status`, `logs`, `down` and `cost` as they are typed, the same for each provider, on the emulator."""

import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal

import pytest
import requests

pytestmark = pytest.mark.slow


class Shell:
    """A user's shell with a home of its own and an emulator in it."""

    def __init__(self, home):
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "140"}

    def run(self, *arguments, timeout=300):
        done = subprocess.run(
            [sys.executable, "-m", "cloudgpu", *arguments], env=self.environment, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=timeout, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json")[1])

    def point_at_the_emulator(self):
        """What the vendors' own clients understand too."""
        self.environment |= self.json("emulator", "status")["environment"]


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    shell.run("emulator", "stop")


@pytest.mark.parametrize("provider", ["emulator", "emulator-runpod"])
def test_up_answers_down_leaves_nothing_and_cost_is_the_markets_bill(shell, provider):
    assert shell.run("emulator", "start", "--speed", "0")[0] == 0
    status, out, err = shell.run("up", "mistral", "--provider", provider, "--yes")
    assert status == 0, err
    assert "answers at http://127.0.0.1:" in out
    row = shell.json("status")["deployments"][0]
    assert (row["state"], row["provider"]) == ("ready", provider)
    assert "Application startup complete" in shell.run("logs", "mistral")[1]
    status, _, err = shell.run("down", "mistral", "--yes")
    assert status == 0, err
    told = shell.json("cost")["total"]["usd"]["total"]
    market = shell.json("emulator", "status")
    assert market["instances"] == []
    assert Decimal(told) == Decimal(market["bill_usd"]) > 0
    assert shell.run("gc")[0] == 0


@pytest.mark.parametrize("provider", ["vast", "runpod"])
def test_the_address_that_the_vendors_clients_know_leads_to_the_emulator_as_well(shell, provider):
    assert shell.run("emulator", "start", "--speed", "120")[0] == 0
    shell.point_at_the_emulator()
    status, out, err = shell.run("up", "qwen-14b", "--provider", provider, "--yes")
    assert status == 0, err
    assert "answers at http://127.0.0.1:" in out
    status, _, err = shell.run("down", "qwen-14b", "--yes")
    assert status == 0, err
    assert shell.json("emulator", "status")["instances"] == []


def test_a_plan_asks_every_provider_that_has_a_key(shell):
    assert shell.run("emulator", "start")[0] == 0
    shell.point_at_the_emulator()
    document = shell.json("plan", "mistral")
    assert {each["provider"] for each in document["candidates"]} == {"vast", "runpod"}
    assert document["offers"]["source"] == "live"


def test_renting_at_runpod_without_a_key_says_how_to_rehearse(shell):
    status, _, err = shell.run("up", "mistral", "--provider", "runpod", "--yes")
    assert status == 4
    assert "RUNPOD_API_KEY" in err
    assert "--provider emulator-runpod" in err


def test_what_was_ready_and_is_removed_by_hand_is_promised_to_nobody(shell, tmp_path):
    """The run before was cut off between ready and the address; the same words look before they hand it over."""
    assert shell.run("emulator", "start", "--speed", "0")[0] == 0
    assert shell.run("up", "mistral", "--provider", "emulator", "--yes")[0] == 0
    shutil.rmtree(tmp_path / ".local/state/cloudgpu/services/mistral")
    status, out, _ = shell.run("up", "mistral", "--provider", "emulator", "--yes")
    assert (status, "answers at" in out) == (0, True)
    shutil.rmtree(tmp_path / ".local/state/cloudgpu/services/mistral")
    market = shell.json("emulator", "status")
    (instance,) = market["instances"]
    headers = {"Authorization": f"Bearer {market['environment']['VAST_API_KEY']}"}
    number = instance.get("instance_id") or instance["id"]
    assert requests.delete(f"{market['url']}/api/v0/instances/{number}/", headers=headers, timeout=60).ok
    status, out, err = shell.run("up", "mistral", "--provider", "emulator", "--yes")
    assert status == 1
    assert "was ready when the last run was cut off" in err
    assert "answers at" not in out
