"""SkyPilot's RunPod utilities against the emulator: they list, launch and remove pods through REST v2."""

import os

import pytest

from cloudgpu.emulator import process
from tests.emulator.clients import answer_of, installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

SPEED = 0  # a clock that stands: hours pass in no time
NEEDED = (
    "typing_extensions", "colorama", "packaging", "cachetools", "sqlalchemy", "jsonschema", "pydantic", "aiosqlite",
    "greenlet", "prometheus_client", "filelock", "httpx", "psutil", "prettytable", "alembic", "pyyaml", "requests",
    "psycopg2-binary", "click<8.2", "passlib", "ijson", "paramiko", "aiohttp", "fastapi", "orjson", "pycasbin",
    "sqlalchemy_adapter", "numpy", "tqdm",
)  # fmt: skip
"""What its RunPod utilities load, of the ninety packages it asks for."""
OPENING = """
import json, sys, types, time
url, key = sys.argv[1:]
stub = types.ModuleType("runpod")  # only asked for the key
stub.api_key = key
sys.modules["runpod"] = stub
from sky.adaptors import runpod
runpod._REST_BASE = url + "/v2"
from sky.provision.runpod import utils

def launch(name, **more):
    wish = dict(cluster_name=name, node_type="head", instance_type="1x_RTXA5000_SECURE", region="US", zone="",
        disk_size=60, image_name="ubuntu:24.04", ports=[8000], public_key="ssh-ed25519 AAAA me", preemptible=False,
        bid_per_gpu=0.0, docker_login_config=None)
    return utils.launch(**{**wish, **more})

def say(value):
    print(json.dumps(value, default=str))
"""


@pytest.fixture(scope="module")
def skypilot():
    return installed("skypilot-nightly-20261027", *NEEDED, bare=("skypilot-nightly==1.0.0.dev20261027",))


@pytest.fixture
def emulator(tmp_path):
    yield process.start(tmp_path / "state", speed=SPEED)
    process.stop(tmp_path / "state")


@pytest.fixture
def run(skypilot, emulator, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}

    def go(script):
        arguments = (emulator.url, emulator.api_key.reveal())
        return answer_of(skypilot, OPENING + script, *arguments, environment=environment)

    return go


def test_it_launches_lists_and_removes(run, emulator):
    made, young = run("made = launch('sky-1'); say([made, utils.list_instances()])")
    assert young[made]["status"] in ("PROVISIONING", "STARTING")
    emulator.clock().sleep(1500)
    running, ports, gone = run(
        f"made = '{made}'; running = utils.list_instances()[made]; ports = utils.get_ssh_ports('sky-1')\n"
        "utils.remove(made); say([running, ports, utils.list_instances()])"
    )
    assert (running["status"], running["name"]) == ("RUNNING", "sky-1-head")
    assert running["external_ip"] == "127.0.0.1"
    assert set(running["port2endpoint"]) == {"22", "8000"}
    assert ports == [running["ssh_port"]]
    assert gone == {}


def test_a_private_image_goes_by_a_registry_and_a_template(run):
    login = "{'username': 'u', 'password': 'p', 'server': 'registry.example'}"
    made, kept, left = run(
        f"made = launch('sky-2', docker_login_config={login})\n"
        "pod = utils.list_instances()[made]; kept = utils.get_registry_auth_resources('sky-2')\n"
        "utils.delete_pod_template(kept[0]); utils.delete_register_auth(kept[1]); utils.remove(made)\n"
        "say([pod['name'], kept, utils.get_registry_auth_resources('sky-2')])"
    )
    assert made == "sky-2-head"
    assert all(kept)
    assert left == [None, None]


def test_a_create_that_is_too_much_is_tried_again_after_the_time_it_was_told(run, emulator):
    process.call(emulator, "POST", "/emulator/faults", {"provider": "runpod", "on": "create", "do": "429_retry_after"})
    took_s, count = run("began = time.time(); launch('sky-3'); say([time.time() - began, len(utils.list_instances())])")
    assert took_s >= 2
    assert count == 1


def test_a_create_that_fails_after_its_effect_is_not_sent_again(run, emulator):
    script = {"provider": "runpod", "on": "create", "do": "500_after_effect"}
    process.call(emulator, "POST", "/emulator/faults", script)
    status, count = run(
        "try:\n    launch('sky-4')\nexcept runpod.RunPodRestError as error:\n"
        "    say([error.status_code, len(utils.list_instances())])"
    )
    assert (status, count) == (500, 1)


def test_a_full_market_is_a_400_with_the_prose(run, emulator):
    process.call(emulator, "POST", "/emulator/faults", {"provider": "runpod", "on": "create", "do": "no_capacity"})
    status, text = run(
        "try:\n    launch('sky-5')\nexcept runpod.RunPodRestError as error:\n    say([error.status_code, str(error)])"
    )
    assert status == 400
    assert "no longer any instances" in text


def test_a_key_is_registered_once(run):
    keys = run(
        "for name in ('me', 'again'):\n    utils.register_ssh_key('ssh-ed25519 AAAA ' + name)\n"
        "say(runpod.rest_request('GET', '/account/ssh-keys')['keys'])"
    )
    assert keys == ["ssh-ed25519 AAAA me"]
