"""`up`, `status`, `logs`, `down`, `gc`, `adopt` and `cost` as they are typed, against a Docker daemon on paper."""

import json
from decimal import Decimal

import pytest

from tests.running.docker_world import SETTINGS, docker_world
from tests.running.test_provider_commands import Shell

pytestmark = pytest.mark.slow


@pytest.fixture
def world():
    with docker_world() as world:
        yield world


@pytest.fixture
def shell(world, tmp_path):
    """The daemon's clock is the machine's here: what is typed runs in processes of its own."""
    from cloudgpu.base.clock import SystemClock  # the world's own clock stands still

    world.daemon.clock = SystemClock()
    shell = Shell(tmp_path)
    shell.environment |= {"DOCKER_HOST": f"unix://{world.daemon.path}"} | SETTINGS
    return shell


def test_up_answers_down_leaves_nothing_and_cost_is_electricity(shell, world):
    status, out, err = shell.run("up", "mistral", "--quantization", "awq", "--provider", "docker", "--yes")
    assert status == 0, err
    assert "answers at http://127.0.0.1:" in out
    row = shell.json("status")["deployments"][0]
    assert (row["state"], row["provider"], Decimal(row["usd_per_hour"])) == ("ready", "docker", Decimal("0.105"))
    assert "Application startup complete" in shell.run("logs", "mistral")[1]
    assert shell.run("gc")[0] == 0
    assert shell.run("watch", "--once")[0] == 0
    status, _, err = shell.run("down", "mistral", "--yes")
    assert status == 0, err
    assert world.daemon.living() == []
    told = shell.json("cost", "--by", "provider")
    assert Decimal(told["total"]["usd"]["total"]) > 0
    assert "docker" in json.dumps(told)
    status, out, err = shell.run("cost", "reconcile")
    assert status == 0, out + err


def test_what_a_lost_journal_left_is_found_and_can_be_adopted(shell, world, tmp_path):
    assert shell.run("up", "mistral", "--quantization", "awq", "--provider", "docker", "--yes")[0] == 0
    (tmp_path / ".local/state/cloudgpu/cloudgpu.db").unlink()
    (orphan,) = world.daemon.living()
    assert orphan in shell.run("gc", "--provider", "docker")[1]
    status, _, err = shell.run("adopt", orphan, "--provider", "docker", "--foreign")
    assert status == 0, err
    status, _, err = shell.run("down", f"mistral#{orphan}", "--yes")
    assert status == 0, err
    assert world.daemon.living() == []


def test_a_daemon_that_is_not_there_is_a_sentence_and_no_price(shell, world):
    shell.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    status, _, err = shell.run("up", "mistral", "--provider", "docker", "--yes")
    assert status == 5, err
    assert "no Docker daemon answers at unix:///nowhere/docker.sock" in err
    assert shell.json("status")["deployments"] == []
