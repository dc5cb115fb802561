"""A service behind real HAProxy on the emulator: shares, a lost gateway, a dead side, an end by itself; equal bills."""

import contextlib
import json
import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest
from emulated_service import TO_QWEN, behind_a_gateway, needs_haproxy

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving import address
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.moving.gateway.route import gateway_folder
from cloudgpu.running import health

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, needs_haproxy]


CANARY = (*TO_QWEN, "--strategy", "canary")


@pytest.fixture
def here(tmp_path):
    with behind_a_gateway(tmp_path, speed=0) as here:
        yield here


def ask(here):
    """One question, as a client that reads the address files."""
    where = address.read("mistral", here.state_dir)
    return health.ask(where.base_url.removesuffix("/v1"), where.api_key, where.model, "Who are you?").text


def the_old_side_answers(here):
    with contextlib.suppress(CloudgpuError):
        return "Mistral" in ask(here)
    return False


def weights(here):
    gateway = gateway_of(here.state_dir, "mistral")[0]
    here.wait_until(lambda: gateway.reading() is not None, "the gateway answers")
    return {name: side.weight for name, side in gateway.reading().items()}


def lose_the_gateway(here):
    """As when its machine was restarted. Its processes are those that were given its configuration file."""
    config = str(gateway_folder(here.state_dir, "mistral") / "haproxy.cfg").encode()
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if config in (each / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(each.name), signal.SIGKILL)
    here.wait_until(lambda: gateway_of(here.state_dir, "mistral")[0].reading() is None, "the gateway is gone")


def migration(here, *arguments, status=0):
    return json.loads(here.run("migrate", *arguments, "--json", status=status))["migration"]


def test_clients_keep_their_address_and_key_through_a_whole_migration(here):
    before = address.read("mistral", here.state_dir)
    assert "Mistral" in ask(here)
    here.run(*CANARY, "--steps", "20", "--pause", "ask", "--window", "5")
    assert weights(here) == {"mistral": 80, "qwen-14b": 20}
    lose_the_gateway(here)
    assert migration(here, "status")["state"] == "canary"  # a look starts it again, with the same shares
    assert weights(here) == {"mistral": 80, "qwen-14b": 20}
    assert migration(here, "promote")["new_percent"] == 100
    assert "Qwen" in ask(here)
    after = address.read("mistral", here.state_dir)
    assert (after.base_url, after.model, after.api_key) == (before.base_url, before.model, before.api_key)
    keys = {each.api_key for each in here.session.store.deployments()}
    assert len(keys) == 2
    assert before.api_key not in keys, "no rented machine knows the key that clients hold"
    ended = migration(here, "follow")  # the window ends, the new side passes
    assert (ended["state"], [each["model"] for each in here.alive()]) == ("stable", ["Qwen/Qwen2.5-14B-Instruct"])
    assert "Qwen" in ask(here)
    here.run("down", "--all", "--yes")
    assert json.loads(here.run("cost", "--json"))["total"]["usd"]["total"] == here.bill()["total_usd"]
    assert Decimal(here.bill()["total_usd"]) > 0


def test_a_new_side_that_dies_is_left_by_the_gateway_at_once_and_by_the_tool_at_its_next_look(here):
    here.run(*CANARY, "--steps", "50", "--pause", "0")
    assert here.serving() == "qwen-14b"
    (label,) = [each["label"] for each in here.alive() if "qwen" in each["label"]]
    here.run("emulator", "fault", "add", "instance", "engine_dies", "--label", label, "-o", "after_s=0")
    here.run("emulator", "advance", "1")
    here.wait_until(lambda: the_old_side_answers(here), "the old side answers")
    told = migration(here, "status")
    assert (told["state"], here.serving()) == ("rolled_back", "mistral")
    assert "rolled back by itself" in told["problem"]
    here.run("migrate", "finalize", "--yes")
    assert [each["model"] for each in here.alive()] == ["mistralai/Mistral-7B-Instruct-v0.2"]
    assert "Mistral" in ask(here)


def test_without_its_gateway_a_service_goes_on_directly(here):
    here.run("gateway", "stop")
    where = address.read("mistral", here.state_dir)
    assert where.base_url == f"{here.session.store.deployment('mistral').endpoint}/v1"
    assert "Mistral" in ask(here)
    here.run(*CANARY, status=1)  # it needs a gateway, and says so
    assert len(here.alive()) == 1
