"""The emulated RunPod against RunPod's own schemas, in every stage of a pod's life and on every route."""

import pytest

from tests.emulator import runpod_contract as contract

A5000 = "NVIDIA RTX A5000"
BODY = {
    "name": "pod", "image": "vllm/vllm-openai:v0.25.1", "disk": 72, "ports": ["8000/http", "22/tcp"],
    "gpu": {"id": A5000, "minCudaVersion": "12.8"}, "env": {"VLLM_API_KEY": "sk-1"},
    "cmd": ["--model", "Qwen/Qwen3-0.6B", "--max-model-len", "8192"],
    "mounts": {"persistent": {"size": 20, "path": "/workspace"}},
}  # fmt: skip


@pytest.fixture
def v2(emulator):
    """Calls /v2 and reads the answer as the contract has it."""

    def call(method, path, model, body=None, status=200, **params):
        answer = emulator.call(method, f"/v2/{path}", body, params=params)
        assert answer.status_code == status, answer.text
        return model.model_validate_json(answer.text)

    return call


def test_a_pod_keeps_the_contract_from_its_create_to_its_end(v2, emulator):
    pod = v2("POST", "pods", contract.Pod, BODY, 201)
    seen = {pod.status}
    for _ in range(200):
        seen.add(v2("GET", f"pods/{pod.id}", contract.Pod).status)
        emulator.pass_time(5)
    running = v2("GET", "pods", contract.Pods).pods[0]
    assert [port.private for port in running.runtime.ports] == [8000, 22]
    assert v2("POST", f"pods/{pod.id}/action", contract.Pod, {"action": "stop"}).cost == 0
    v2("POST", f"pods/{pod.id}/action", contract.Pod, {"action": "start"})
    v2("PATCH", f"pods/{pod.id}", contract.Pod, {"name": "other"})
    assert seen == {"PROVISIONING", "STARTING", "RUNNING"}
    assert emulator.call("DELETE", f"/v2/pods/{pod.id}").status_code == 204
    v2("GET", f"pods/{pod.id}", contract.Problem, status=404)


@pytest.mark.parametrize("do", ["error", "bad_image", "stopped", "host_offline", "engine_dies", "hidden"])
def test_a_pod_in_trouble_keeps_the_contract_too(v2, emulator, do):
    emulator.fault("instance", do, provider="runpod")
    v2("POST", "pods", contract.Pod, BODY, 201)
    for _ in range(60):
        v2("GET", "pods", contract.Pods)
        emulator.pass_time(30)


def test_the_catalogue_keeps_the_contract(v2):
    asked = {"include": "AVAILABILITY", "product": "POD"}
    assert len(v2("GET", "catalog/gpus", contract.GpuTypes).gpus) > 25
    assert v2("GET", f"catalog/gpus/{A5000}", contract.GpuType, **asked).dataCenters
    assert v2("GET", "catalog/gpus", contract.GpuTypes, **asked).gpus[0].availability
    v2("GET", "catalog/datacenters", contract.Centres)


@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month", "year"])
def test_the_bill_keeps_the_contract_and_its_total_in_every_bucket(v2, emulator, bucket):
    v2("POST", "pods", contract.Pod, BODY, 201)
    emulator.pass_time(40 * 24 * 3600)
    bill = v2("GET", "billing/pods", contract.PodBill, bucketSize=bucket, startTime="2026-01-01T00:00:00Z")
    assert bill.metadata.recordCount == len(bill.records)
    assert bill.metadata.totals.totalAmount == pytest.approx(float(emulator.bill()["total_usd"]))


def test_what_is_kept_beside_the_pods_keeps_the_contract(v2, emulator):
    login = {"name": "mine", "username": "me", "password": "secret-of-mine"}
    registry = v2("POST", "registries", contract.Registry, login, 201)
    assert v2("GET", f"registries/{registry.id}", contract.Registry) == registry
    image = {"name": "t", "image": "ubuntu:24.04", "registry": registry.id, "startJupyter": False}
    template = v2("POST", "templates", contract.Template, image, 201)
    made = v2("POST", "pods", contract.Pod, {"name": "p", "gpu": {"id": A5000}, "templateId": template.id}, 201)
    assert (made.image, made.template) == ("ubuntu:24.04", None)
    v2("POST", "pods", contract.Problem, {"name": "p", "gpu": {"id": A5000}, "templateId": "none"}, 404)
    for kind, key in (("templates", template.id), ("registries", registry.id)):
        assert len(emulator.call("GET", f"/v2/{kind}").json()[kind]) == 1
        assert emulator.call("DELETE", f"/v2/{kind}/{key}").status_code == 204
    assert v2("DELETE", "registries/none", contract.Problem, status=400).detail == "Registry auth not found"
    v2("DELETE", "templates/none", contract.Problem, status=404)


def test_a_network_volume_ties_a_pod_to_its_place_and_keeps_it_at_zero(v2, emulator, rig):
    centre = next(
        row for row in v2("GET", "catalog/datacenters", contract.Centres).dataCenters
        if any(stock.id == A5000 and stock.availability != "NONE" for stock in row.gpuAvailability)
    ).id  # fmt: skip
    wish = {"name": "data", "size": 50, "dataCenter": centre}
    volume = v2("POST", "network-volumes", contract.NetworkVolume, wish, 201)
    v2("POST", "network-volumes", contract.Problem, {**wish, "size": 5}, 422)
    mount = {"network": [{"volumeId": volume.id, "path": "/data"}]}
    pod = v2("POST", "pods", contract.Pod, {**BODY, "gpu": {"id": A5000}, "mounts": mount}, 201)
    assert (pod.dataCenterId, pod.mounts.network[0].volumeId) == (centre, volume.id)
    rig.set_credit("runpod", 0)
    emulator.pass_time(60)
    assert v2("GET", f"pods/{pod.id}", contract.Pod).status == "EXITED"  # stopped, not removed


def test_a_cluster_comes_and_goes_as_one(v2, emulator):
    body = {
        "name": "c", "type": "APPLICATION", "image": "ubuntu:24.04",
        "compute": {"gpuTypeId": A5000, "gpuCountPerPod": 1, "podCount": 2},
    }  # fmt: skip
    cluster = emulator.call("POST", "/v2/clusters", body).json()
    members = v2("GET", f"clusters/{cluster['id']}/pods", _Members)
    assert [pod.cluster["rank"] for pod in members.pods] == [0, 1]
    assert v2("GET", "pods", contract.Pods).pods == []
    assert len(v2("GET", "pods", contract.Pods, includeClusterPods="true").pods) == 2
    assert emulator.call("DELETE", f"/v2/clusters/{cluster['id']}").status_code == 204
    assert v2("GET", "pods", contract.Pods, includeClusterPods="true").pods == []
    v2("POST", "clusters", contract.Problem, {**body, "compute": {**body["compute"], "podCount": 500}}, 400)


class _Members(contract.Model):
    pods: list[contract.Pod]


def test_every_refusal_is_a_problem_document(v2, emulator):
    v2("GET", "pods/none", contract.Problem, status=404)
    v2("POST", "pods", contract.Problem, {"name": "x"}, status=422)
    v2("PUT", "pods", contract.Problem, {}, status=405)
    v2("GET", "nowhere", contract.Problem, status=404)
    assert emulator.call("GET", "/v1/pods").status_code == 410


def test_ssh_keys_are_replaced_as_a_whole(emulator):
    assert emulator.call("GET", "/v2/account/ssh-keys").json() == {"keys": []}
    emulator.call("PUT", "/v2/account/ssh-keys", {"keys": ["ssh-ed25519 AAA me"]})
    assert emulator.call("GET", "/v2/account/ssh-keys").json() == {"keys": ["ssh-ed25519 AAA me"]}
