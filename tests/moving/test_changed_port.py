"""A pod that was started anew has another port: the gateway finds it there, whichever command looks next."""

import pytest
import requests
from emulated_service import TO_QWEN, behind_a_gateway, needs_haproxy

from cloudgpu.moving import address
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.running import health

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, needs_haproxy]


@pytest.fixture
def here(tmp_path):
    with behind_a_gateway(tmp_path, speed=0, provider="emulator-runpod") as here:
        yield here


def restart(here, name):
    """As its owner may do at RunPod's own page: nobody here looks until it serves again."""
    before = here.session.store.deployment(name)
    key = {"Authorization": f"Bearer {here.status.api_key.reveal()}"}
    where = f"{here.status.url}/v2/pods/{before.instance_id}/action"
    requests.post(where, json={"action": "restart"}, headers=key, timeout=60).raise_for_status()
    here.run("emulator", "advance", "1200")
    return before.endpoint


def answer(here):
    where = address.read("mistral", here.state_dir)
    return health.ask(where.base_url.removesuffix("/v1"), where.api_key, where.model, "Who are you?").text


def dialled(here):
    return {each.name: each.url for each in gateway_of(here.state_dir, "mistral")[1].upstreams}


def test_after_the_next_command_traffic_reaches_it_at_its_new_port(here):
    for command in (("status",), ("gc",), ("watch", "--once")):
        before = restart(here, "mistral")
        here.run(*command)
        assert dialled(here)["mistral"] == here.session.store.deployment("mistral").endpoint != before
        assert "Mistral" in answer(here)


def test_a_look_at_a_migration_follows_the_side_that_was_restarted(here):
    here.run(*TO_QWEN, "--strategy", "canary", "--steps", "50", "--pause", "ask")
    for name, command in (("qwen-14b", ("migrate", "status")), ("mistral", ("status",))):
        before = restart(here, name)
        here.run(*command)
        assert dialled(here)[name] == here.session.store.deployment(name).endpoint != before
    gateway = gateway_of(here.state_dir, "mistral")[0]
    here.wait_until(lambda: all(side.up for side in gateway.reading().values()), "both sides are seen up")
    assert {name: side.weight for name, side in gateway.reading().items()} == {"mistral": 50, "qwen-14b": 50}
