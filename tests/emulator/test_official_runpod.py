"""The vendor's own clients are the judges of the emulated RunPod: 2.0.0rc2 speaks REST v2, 1.12.0 reads by GraphQL.

Each lives in an environment of its own.
"""

import os
from decimal import Decimal

import pytest

from cloudgpu.emulator import process
from tests.emulator.clients import answer_of, installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

SPEED = 0  # a clock that stands: hours pass in no time
IMAGE = "vllm/vllm-openai:v0.25.1"
MODEL = "mistralai/Mistral-7B-Instruct-v0.2"
CREATE = f"""
def rent(name, **more):
    wish = dict(
        gpu_type_id="NVIDIA RTX A5000", container_disk_in_gb=60, ports="8000/http,22/tcp",
        env={{"VLLM_API_KEY": "sk-1"}}, docker_args="--model {MODEL} --max-model-len 8192",
    )
    return runpod.create_pod(name, "{IMAGE}", **{{**wish, **more}})
"""
IN_THE_CLIENT = """
import json, sys
import runpod
runpod.api_key = sys.argv[1]
from runpod.error import QueryError, AuthenticationError
{create}
{script}
"""


@pytest.fixture(scope="module")
def new_client():
    return installed("runpod-2.0.0rc2", "runpod==2.0.0rc2")


@pytest.fixture(scope="module")
def old_client():
    return installed("runpod-1.12.0", "runpod==1.12.0")


@pytest.fixture
def emulator(tmp_path):
    """A market of its own for each test, so that none inherits another's pods."""
    yield process.start(tmp_path / "state", speed=SPEED)
    process.stop(tmp_path / "state")


@pytest.fixture
def run(emulator, tmp_path):
    """Runs a script in a client's Python; what it prints last as JSON is the answer."""

    def go(client, script, key=None):
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNPOD_API_BASE_URL": emulator.url, "NO_COLOR": "1",
        }  # fmt: skip
        text = IN_THE_CLIENT.format(create=CREATE, script=script)
        return answer_of(client, text, key or emulator.api_key.reveal(), environment=environment)

    return go


def fault(emulator, on, do, **more):
    process.call(emulator, "POST", "/emulator/faults", {"provider": "runpod", "on": on, "do": do, **more})


def test_the_new_client_reads_the_catalogue(run, new_client):
    kinds, one, gone = run(
        new_client,
        "try:\n    gone = runpod.get_gpu('NVIDIA RTX 9999')\nexcept ValueError as error:\n    gone = str(error)\n"
        "print(json.dumps([runpod.get_gpus(), runpod.get_gpu('NVIDIA RTX A5000', 2), gone]))",
    )
    assert {"NVIDIA RTX A5000", "NVIDIA H100 80GB HBM3", "unknown"} <= {kind["id"] for kind in kinds}
    assert (one["id"], one["memory"], one["secure"]) == ("NVIDIA RTX A5000", 24, True)
    assert one["availability"] in ("LOW", "MEDIUM", "HIGH")
    assert one["dataCenters"]
    assert "No GPU found" in gone


def test_the_new_client_creates_lists_shows_and_terminates(run, new_client, emulator):
    made, shown, listed = run(
        new_client,
        "made = rent('official-1'); print(json.dumps([made, runpod.get_pod(made['id']), runpod.get_pods()]))",
    )
    assert (made["name"], made["env"]) == ("official-1", {"VLLM_API_KEY": "sk-1"})
    assert made["status"] in ("PROVISIONING", "STARTING")
    assert shown["id"] == made["id"]
    assert [pod["id"] for pod in listed] == [made["id"]]
    emulator.clock().sleep(1500)
    running, ended, absent, left = run(
        new_client,
        f"pod = '{made['id']}'; running = runpod.get_pod(pod); ended = runpod.terminate_pod(pod)\n"
        "print(json.dumps([running, ended, runpod.get_pod(pod), runpod.get_pods()]))",
    )
    assert running["status"] == "RUNNING"
    assert {port["private"] for port in running["runtime"]["ports"]} == {8000, 22}
    assert (ended, absent, left) == (None, None, [])


def test_the_new_client_stops_and_resumes_and_the_ports_change(run, new_client, emulator):
    made = run(new_client, "print(json.dumps(rent('official-2', volume_in_gb=20)))")
    emulator.clock().sleep(1500)
    before, stopped, resumed = run(
        new_client,
        f"pod = '{made['id']}'; before = runpod.get_pod(pod); runpod.stop_pod(pod); stopped = runpod.get_pod(pod)\n"
        "runpod.resume_pod(pod); print(json.dumps([before, stopped, runpod.get_pod(pod)]))",
    )
    assert before["cost"] > 0
    assert (stopped["status"], stopped["cost"], stopped["runtime"]) == ("EXITED", 0, None)
    assert resumed["status"] in ("PROVISIONING", "STARTING")
    emulator.clock().sleep(1500)
    after = run(new_client, f"print(json.dumps(runpod.get_pod('{made['id']}')))")
    assert {p["public"] for p in after["runtime"]["ports"]}.isdisjoint(p["public"] for p in before["runtime"]["ports"])


def test_the_new_client_is_told_of_every_refusal(run, new_client, emulator):
    for do in ("no_capacity", "insufficient_credit", "429_retry_after", "502"):
        fault(emulator, "create", do)
    told = run(
        new_client,
        "told = []\n"
        "for wish in [{}, {}, {}, {}, {'gpu_type_id': 'NVIDIA RTX 9999'}, {'ports': '8000/udp'}]:\n"
        "    try:\n        rent('official-3', **wish)\n"
        "    except QueryError as error:\n        told.append([error.status_code, str(error)])\n"
        "print(json.dumps(told))",
    )
    assert [status for status, _ in told] == [400, 402, 429, 502, 422, 422]
    assert "no longer any instances" in told[0][1]
    assert run(new_client, "print(json.dumps(runpod.get_pods()))") == []


def test_the_new_client_meets_a_create_of_500_that_made_a_pod_and_a_late_listing(run, new_client, emulator):
    fault(emulator, "create", "500_after_effect")
    fault(emulator, "instance", "hidden", seconds=600)
    status, hidden = run(
        new_client,
        "try:\n    rent('official-4')\nexcept QueryError as error:\n    status = error.status_code\n"
        "print(json.dumps([status, runpod.get_pods()]))",
    )
    assert (status, hidden) == (500, [])
    emulator.clock().sleep(700)
    assert [pod["name"] for pod in run(new_client, "print(json.dumps(runpod.get_pods()))")] == ["official-4"]


def test_a_wrong_key_is_refused_as_the_clients_expect(run, new_client, old_client):
    script = "try:\n    runpod.get_pods()\nexcept AuthenticationError as error:\n    print(json.dumps('refused'))"
    assert run(new_client, script, key="wrong") == "refused"
    assert run(old_client, script, key="wrong") == "refused"


def test_the_old_client_reads_types_account_and_pods(run, old_client, new_client, emulator):
    made = run(new_client, "print(json.dumps(rent('official-5')))")
    emulator.clock().sleep(1500)
    kinds, one, user, pods, pod, absent = run(
        old_client,
        f"pod = '{made['id']}'\n"
        "print(json.dumps([runpod.get_gpus(), runpod.get_gpu('NVIDIA L4'), runpod.get_user(), runpod.get_pods(),"
        " runpod.get_pod(pod), runpod.get_pod('nobody')]))",
    )
    assert {"id", "displayName", "memoryInGb"} == set(kinds[0])
    assert (one["id"], one["secureCloud"], one["communityCloud"]) == ("NVIDIA L4", True, False)
    assert one["lowestPrice"]["uninterruptablePrice"] == one["securePrice"]
    assert user["id"]
    assert [each["id"] for each in pods] == [made["id"]]
    assert (pod["name"], pod["desiredStatus"], pod["env"]) == ("official-5", "RUNNING", ["VLLM_API_KEY=sk-1"])
    assert pod["runtime"]["ports"][0]["privatePort"] == 8000
    assert absent is None


def test_the_bill_of_what_the_client_rented_is_the_exact_one(run, new_client, emulator):
    import requests

    made = run(new_client, "print(json.dumps(rent('official-6')))")
    emulator.clock().sleep(5000)
    run(new_client, f"print(json.dumps(runpod.terminate_pod('{made['id']}')))")
    headers = {"Authorization": f"Bearer {emulator.api_key.reveal()}"}
    url = f"{emulator.url}/v2/billing/pods?podId={made['id']}&bucketSize=hour"
    records = requests.get(url, headers=headers, timeout=60).json(parse_float=Decimal)["records"]
    bill = Decimal(process.call(emulator, "GET", "/emulator/bill")["total_usd"])
    assert len(records) >= 2
    assert sum(Decimal(record["totalAmount"]) for record in records) == bill
