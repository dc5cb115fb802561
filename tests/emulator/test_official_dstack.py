"""dstack's own clients of Vast.ai and RunPod, and gpuhunt's two catalogues, against the emulator."""

import os

import pytest

from cloudgpu.emulator import process
from tests.emulator.clients import answer_of, installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

SPEED = 0  # a clock that stands: hours pass in no time
OPENING = """
import json, sys, logging
logging.disable(logging.CRITICAL)
url, key = sys.argv[1:]
import gpuhunt.providers.vastai, gpuhunt.providers.runpod
from gpuhunt._internal.models import QueryFilter
gpuhunt.providers.vastai.bundles_url = url + "/api/v0/bundles/"
gpuhunt.providers.runpod.API_URL = url + "/graphql"
from dstack._internal.core.backends.vastai.api_client import *
from dstack._internal.core.backends.runpod import api_client as runpod_client
runpod_client.API_V2_URL, runpod_client.API_GRAPHQL_URL = url + "/v2", url + "/graphql"
from dstack._internal.core.backends.runpod.api_client import RunpodApiClient, RunpodV2ClientError

def vast(key=key):
    client = VastAIAPIClient(key)
    client.s.base_url = url + "/api/"
    return client

def offers(**wish):
    found = gpuhunt.providers.vastai.VastAIProvider().get(QueryFilter(**wish))
    return sorted((each for each in found if not each.spot), key=lambda each: each.price)

def rent(client, name, **more):
    wish = dict(name=name, cloud="SECURE", gpu_type_id="NVIDIA RTX A5000", gpu_count=1, container_disk_in_gb=60,
        image_name="ubuntu:24.04", entrypoint=["/bin/sh", "-c"], cmd=["sleep infinity"], ports=["10022/tcp"],
        env={"A": "b"}, min_cpu_count_per_gpu=4, min_memory_in_gb_per_gpu=16)
    return client.create_pod(**{**wish, **more})

def say(value):
    print(json.dumps(value, default=str))
"""


@pytest.fixture(scope="module")
def dstack():
    return installed("dstack-0.22.5", "httpx", "pydantic>=2.12", "requests", bare=("dstack==0.22.5", "gpuhunt==0.1.34"))


@pytest.fixture
def emulator(tmp_path):
    yield process.start(tmp_path / "state", speed=SPEED)
    process.stop(tmp_path / "state")


@pytest.fixture
def run(dstack, emulator, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def go(script):
        arguments = (emulator.url, emulator.api_key.reveal())
        return answer_of(dstack, OPENING + script, *arguments, environment=environment)

    return go


def fault(emulator, provider, on, do, **more):
    process.call(emulator, "POST", "/emulator/faults", {"provider": provider, "on": on, "do": do, **more})


def test_gpuhunt_reads_vasts_offers_without_a_key(run):
    found = run(
        "say([[o.instance_name, o.gpu_name, o.gpu_memory, o.gpu_count, o.price, o.cpu, o.memory, o.location]"
        " for o in offers(gpu_name=['RTX4090'], min_gpu_count=1, max_gpu_count=2, min_disk_size=60)])"
    )
    assert found
    assert len(found) <= 64
    assert {row[1] for row in found} == {"RTX4090"}
    assert {row[2] for row in found} <= {24.0, 48.0}  # 48: cards whose memory was doubled
    assert [row[4] for row in found] == sorted(row[4] for row in found)
    assert all(row[5] >= 1 and row[6] > 0 for row in found)


def test_gpuhunt_reads_runpods_whole_catalogue_without_a_key(run):
    found = run(
        "say([[o.instance_name, o.gpu_name, o.gpu_count, o.location, o.price, o.cpu, o.memory, o.spot]"
        " for o in gpuhunt.providers.runpod.RunpodProvider().get()])"
    )
    assert len(found) > 100
    a5000 = [row for row in found if row[0] == "NVIDIA RTX A5000"]
    assert {row[2] for row in a5000} >= {1, 2}
    assert all(row[4] == pytest.approx(row[2] * a5000_price(row, a5000)) for row in a5000)
    assert not any(row[7] for row in found)


def a5000_price(row, rows):
    """The price of one GPU at the same place."""
    return next(each[4] for each in rows if each[3] == row[3] and each[2] == 1)


def test_dstack_rents_reads_and_destroys_at_vast(run, emulator):
    made, shown, ended, again, absent = run(
        "client = vast()\n"
        "offer = offers(gpu_name=['RTX4090'], max_gpu_count=1, min_disk_size=60)[0]\n"
        "made = client.create_instance('dstack-1', offer.instance_name, 'ubuntu:24.04', 'sleep infinity', 60)\n"
        "shown = client.get_instance(made)\n"
        "say([made, shown, client.destroy_instance(made), client.destroy_instance(made), client.get_instance(made)])"
    )
    assert (shown["id"], shown["label"], shown["image_args"]) == (made, "dstack-1", ["-c", "sleep infinity"])
    assert shown["intended_status"] == "running"
    assert (ended, again, absent) == (None, None, None)
    assert process.call(emulator, "GET", "/emulator/status")["instances"] == []


def test_dstack_is_told_of_the_instance_that_a_low_bid_made(run):
    told, created = run(
        "client = vast()\noffer = offers(max_gpu_count=1, min_disk_size=20)[0]\n"
        "try:\n    client.create_instance('low', offer.instance_name, 'ubuntu:24.04', 'true', 20, bid=0.001)\n"
        "except VastAICreateInstanceError as error:\n"
        "    say([error.resp if hasattr(error, 'resp') else '', error.created_instance_id])"
    )
    assert "Required resources are currently unavailable" in told
    assert isinstance(created, int)


def test_dstack_tells_a_good_key_from_a_bad_one_and_a_limit_from_an_error(run, emulator):
    assert run("say([vast().auth_test(), vast('wrong').auth_test()])") == [True, False]
    good_and_bad = "say([RunpodApiClient(key).validate_api_key(), RunpodApiClient('wrong').validate_api_key()])"
    assert run(good_and_bad) == [True, False]
    fault(emulator, "vast", "show", "429")
    assert run("try:\n    vast().get_instance(1)\nexcept VastAIRateLimitError:\n    say('limited')") == "limited"


def test_dstack_rents_reads_and_terminates_at_runpod(run, emulator):
    made, shown = run(
        "client = RunpodApiClient(key); pod = rent(client, 'dstack-2'); say([pod, client.get_pod(pod['id'])])"
    )
    assert (made["status"], shown["id"], shown["mounts"]) == ("PROVISIONING", made["id"], {})
    emulator.clock().sleep(1500)
    running, ended, again, absent = run(
        f"client, pod = RunpodApiClient(key), '{made['id']}'\n"
        "say([client.get_pod(pod), client.terminate_pod(pod), client.terminate_pod(pod), client.get_pod(pod)])"
    )
    assert running["status"] == "RUNNING"
    assert {"private", "public", "ip"} <= set(running["runtime"]["ports"][0])
    assert (ended, again, absent) == (True, False, None)


def test_dstack_reads_runpods_refusals(run, emulator):
    for do in ("no_capacity", "insufficient_credit", "forbidden", "429"):
        fault(emulator, "runpod", "create", do)
    told = run(
        "client, told = RunpodApiClient(key), []\n"
        "for _ in range(4):\n"
        "    try:\n        rent(client, 'x')\n"
        "    except Exception as error:\n"
        "        told.append([type(error).__name__, getattr(error, 'status', None), str(error)])\n"
        "say(told)"
    )
    assert [row[:2] for row in told] == [
        ["RunpodV2ClientError", 400],
        ["RunpodV2ClientError", 402],
        ["BackendInvalidCredentialsError", None],
        ["RunpodV2ClientError", 429],
    ]
    assert "no longer any instances" in told[0][2]


def test_dstack_keeps_volumes_and_registries_and_runs_a_cluster(run):
    volume, shown, gone, registry, listed, members, ended = run(
        "client = RunpodApiClient(key)\n"
        "volume = client.create_network_volume(name='v', data_center_id='EU-RO-1', size=50)\n"
        "shown = client.get_network_volume(volume['id'])\n"
        "gone = [client.delete_network_volume(volume['id']), client.delete_network_volume(volume['id']),"
        " client.get_network_volume(volume['id'])]\n"
        "registry = client.create_container_registry_credentials(name='r', username='u', password='p')\n"
        "listed = client.list_container_registry_credentials()\n"
        "client.delete_container_registry_credentials(registry['id'])\n"
        "try:\n    client.delete_container_registry_credentials(registry['id'])\n"
        "except RunpodV2ClientError as error:\n    listed.append(error.status)\n"
        "cluster = client.create_cluster(name='c', cluster_type='APPLICATION', gpu_type_id='NVIDIA RTX A5000',"
        " gpu_count_per_pod=1, pod_count=2, container_disk_in_gb=50, image_name='ubuntu:24.04',"
        " entrypoint=['/bin/sh'], cmd=['-c', 'true'])\n"
        "members = client.list_cluster_pods(cluster['id'])\n"
        "say([volume, shown, gone, registry, listed, members,"
        " [client.delete_cluster(cluster['id']), client.delete_cluster(cluster['id'])]])"
    )
    assert volume == shown
    assert (shown["size"], shown["type"], gone) == (50, "STANDARD", [True, False, None])
    assert listed == [registry, 400]
    assert [pod["cluster"]["rank"] for pod in members] == [0, 1]
    assert ended == [True, False]
