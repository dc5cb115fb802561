"""The commands that spend and save money, as they are typed, in processes of their own on the emulator."""

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from cloudgpu.running.store import Store

pytestmark = pytest.mark.slow


class Shell:
    """A user's shell with a home of its own."""

    def __init__(self, home):
        self.home = home
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "140"}

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "cloudgpu", *arguments], env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def run(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err
        return process.returncode, out, err

    def json(self, *arguments):
        _, out, _ = self.run(*arguments, "--json")
        return json.loads(out)

    def billing(self):
        return self.json("emulator", "status")["instances"]

    def begin_market(self, speed):
        """With speed 0 its clock stands until a command waits: nothing depends on how busy this machine is."""
        assert self.run("emulator", "start", "--speed", str(speed))[0] == 0


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    shell.begin_market(speed=0)
    yield shell
    shell.run("emulator", "stop")


@pytest.fixture
def live_shell(tmp_path):
    """On a market whose clock runs: a machine takes two minutes to start there, which are some seconds here."""
    shell = Shell(tmp_path)
    shell.begin_market(speed=20)
    yield shell
    shell.run("emulator", "stop")


def test_up_status_logs_down(shell):
    status, out, err = shell.run("up", "mistral", "--provider", "emulator", "--yes")
    assert status == 0, err
    assert "answers at http://127.0.0.1:" in out
    assert "sk-cloudgpu-" not in out + err
    row = shell.json("status")["deployments"][0]
    assert row["state"] == "ready"
    assert Decimal(row["usd_so_far"]) > 0
    assert set(row) >= {
        "name", "model", "provider", "instance_id", "state", "endpoint", "usd_per_hour", "usd_so_far", "since",
    }  # fmt: skip
    assert "Application startup complete" in shell.run("logs", "mistral")[1]
    assert "serves already" in shell.run("up", "mistral", "--provider", "emulator", "--yes")[2]
    assert shell.run("down", "mistral")[0] == 2  # nobody is there to agree
    assert shell.run("down", "mistral", "--yes")[0] == 0
    assert shell.json("status")["deployments"] == []
    assert shell.billing() == []


@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGINT, "creating"), (signal.SIGTERM, "provisioning"), (signal.SIGHUP, "starting")]
)
def test_a_signal_in_the_middle_of_up_leaves_nothing_that_bills(live_shell, number, state):
    shell = live_shell
    process = shell.start("up", "mistral", "--provider", "emulator", "--yes")
    _wait_for_state(shell, state, "starting")
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "everything that was created is gone again" in err
    assert shell.billing() == []


def test_a_kill_in_the_middle_of_up_is_known_and_up_goes_on_with_it(live_shell):
    shell = live_shell
    process = shell.start("up", "mistral", "--provider", "emulator", "--yes")
    _wait_for_state(shell, "provisioning", "starting")
    process.kill()
    process.communicate(timeout=300)
    assert [row["name"] for row in shell.json("status")["deployments"]] == ["mistral"]
    shell.run("emulator", "stop")
    shell.begin_market(speed=0)
    status, _, err = shell.run("up", "mistral", "--provider", "emulator", "--yes")
    assert status == 0, err
    assert len(shell.billing()) == 1
    assert shell.run("down", "--all", "--yes")[0] == 0
    assert shell.billing() == []


def test_without_a_key_it_says_how_to_rehearse(tmp_path):
    status, _, err = Shell(tmp_path).run("up", "mistral", "--yes")
    assert status == 4
    assert "--provider emulator" in err
    assert not (tmp_path / ".local" / "state" / "cloudgpu" / "emulator").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["up", "mistrall", "--provider", "emulator"], 2, "mistral"),
        (["up", "mistral", "--provider", "nobody"], 2, "vast"),
        (["up", "--provider", "emulator"], 2, "cloudgpu up MODEL"),
        (["up", "--plan", "/nowhere.json", "--provider", "emulator"], 2, "/nowhere.json"),
        (["up", "mistral", "--max-price", "nothing"], 2, "--max-price"),
        (["down"], 2, "--all"),
        (["down", "nobody", "--yes"], 2, "nobody"),
        (["logs", "nobody"], 2, "nobody"),
        (["gc", "--unlock", "nothing"], 2, "nothing"),
    ],
)
def test_bad_input_is_one_sentence_and_a_hint(tmp_path, arguments, status, words):
    found, _, err = Shell(tmp_path).run(*arguments)
    assert found == status
    assert words in err
    assert "Hint:" in err


def test_a_cap_below_every_offer_fits_nothing(shell):
    assert shell.run("up", "mistral", "--provider", "emulator", "--yes", "--max-price", "0.0001")[0] == 3


def test_a_plan_on_reference_prices_is_searched_again_and_the_change_is_said(shell):
    assert shell.run("plan", "mistral")[0] == 0
    status, _, err = shell.run("up", "--provider", "emulator", "--yes")
    assert status == 0, err
    assert "made on reference prices" in err


def test_an_emulator_that_is_gone_is_said_and_nothing_is_called_gone(shell):
    assert shell.run("up", "mistral", "--provider", "emulator", "--yes")[0] == 0
    shell.run("emulator", "stop")
    status, out, err = shell.run("status")
    assert status == 5
    assert "mistral" in out
    assert "shown as it was seen last: the emulator is stopped" in err
    assert shell.run("down", "mistral", "--yes")[0] == 6
    assert shell.run("status", "--offline")[0] == 6
    shell.run("emulator", "start")
    assert shell.run("gc")[0] == 0
    assert shell.billing() == []


def _wait_for_state(shell, *states):
    """Read in the journal itself: a state may last for milliseconds of real time."""
    path = shell.home / ".local" / "state" / "cloudgpu" / "cloudgpu.db"
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    store = Store(f"sqlite:///{path}")
    try:
        while time.monotonic() < deadline:
            if any(each.state in states for each in store.deployments()):
                return
            time.sleep(0.01)
    finally:
        store.close()
    raise AssertionError(f"never {states}")
