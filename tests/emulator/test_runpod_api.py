"""The emulated RunPod: REST v2 as its contract says, the bill to the last digit, and everything that goes wrong."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import requests

from cloudgpu.base.clock import ManualClock, parse_utc
from cloudgpu.emulator.fleet.runpod import make_fleet, pod_types
from cloudgpu.emulator.runpod_api.create_body import read_create
from cloudgpu.emulator.runpod_api.selection import picked, read_query
from cloudgpu.emulator.runpod_api.stock import Wish, ask_of, free_machines
from cloudgpu.emulator.world.world import World

MODEL = "mistralai/Mistral-7B-Instruct-v0.2"
A5000 = "NVIDIA RTX A5000"
A5000_WISH = Wish(gpu_type=A5000, gpu_count=1, cloud="SECURE", min_cuda="13.0")


class Runpod:
    """A client of the emulated REST v2."""

    def __init__(self, emulator):
        self.emulator = emulator

    def call(self, method, path, body=None, **params):
        return self.emulator.call(method, f"/v2/{path}", body, params=params)

    def json(self, method, path, body=None, **params):
        answer = self.call(method, path, body, **params)
        assert answer.status_code in (200, 201), answer.text
        return answer.json(parse_float=Decimal)

    def create(self, name="pod", gpu=None, **more):
        wish = {
            "name": name, "image": "vllm/vllm-openai:v0.25.1", "disk": 72, "ports": ["8000/http"],
            "gpu": {"id": A5000, "minCudaVersion": "13.0", **(gpu or {})}, "env": {"VLLM_API_KEY": "sk-1"},
            "cmd": ["--model", MODEL, "--max-model-len", "8192"], **more,
        }  # fmt: skip
        return self.call("POST", "pods", {name: value for name, value in wish.items() if value is not None})

    def rent(self, name="pod", **more):
        answer = self.create(name, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def show(self, pod_id):
        return self.json("GET", f"pods/{pod_id}")

    def names(self, **params):
        return [pod["name"] for pod in self.json("GET", "pods", **params)["pods"]]

    def fault(self, on, do, **more):
        answer = self.emulator.call("POST", "/emulator/faults", {"provider": "runpod", "on": on, "do": do, **more})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def runpod(emulator):
    return Runpod(emulator)


def test_a_pod_goes_through_its_states_serves_and_ends_with_204(runpod, emulator):
    made = runpod.create().json()
    pod = made["id"]
    assert (made["status"], made["runtime"], made["actions"]) == ("PROVISIONING", None, ["stop", "terminate"])
    emulator.pass_time(20)
    assert runpod.show(pod)["status"] == "STARTING"
    emulator.pass_time(1200)
    shown = runpod.show(pod)
    assert (shown["status"], shown["actions"]) == ("RUNNING", ["stop", "restart", "terminate"])
    port = shown["runtime"]["ports"][0]
    assert (port["private"], port["type"], port["ip"]) == (8000, "http", "127.0.0.1")
    models = requests.get(
        f"http://127.0.0.1:{port['public']}/v1/models", headers={"Authorization": "Bearer sk-1"}, timeout=30
    )
    assert models.json()["data"][0]["id"] == MODEL
    ended = runpod.call("DELETE", f"pods/{pod}")
    assert (ended.status_code, ended.text) == (204, "")
    assert runpod.call("GET", f"pods/{pod}").status_code == 404
    assert runpod.call("DELETE", f"pods/{pod}").status_code == 404


def test_every_answer_states_the_limits_and_refusals_are_problem_documents(runpod):
    for answer in (runpod.call("GET", "pods"), runpod.call("GET", "pods/nobody")):
        assert '"minute";r=' in answer.headers["RateLimit"]
        assert '"minute";q=' in answer.headers["RateLimit-Policy"]
        assert answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"title", "status", "detail"}


def test_a_missing_or_wrong_key_is_401(emulator):
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert requests.get(f"{emulator.url}/v2/pods", headers=headers, timeout=30).status_code == 401


@pytest.mark.parametrize(
    ("more", "status", "field"),
    [
        ({"bid": 1}, 422, "body.bid"),
        ({"gpu": {"idd": 1}}, 422, "gpu.idd"),
        ({"gpu": {"id": "NVIDIA RTX 9999"}}, 422, "gpu.id"),
        ({"gpu": {"minCudaVersion": "13"}}, 422, "gpu.minCudaVersion"),
        ({"gpu": {"allowedCudaVersions": ["13.0"]}}, 400, "gpu"),
        ({"gpu": {"count": 0}}, 422, "gpu.count"),
        ({"name": ""}, 422, "body.name"),
        ({"image": None}, 422, "image"),
        ({"cloud": "ALL"}, 422, "body.cloud"),
        ({"ports": ["8000/udp"]}, 422, "body.ports"),
        ({"env": {f"V{n}": "x" for n in range(51)}}, 422, "body.env"),
        ({"env": {"A": 1}}, 422, "body.env"),
        ({"disk": "72"}, 422, "body.disk"),
        ({"templateId": "t"}, 404, "templateId"),
        ({"args": "--model x"}, 400, "args"),
        ({"cpu": {"id": "cpu3c", "vcpuCount": 2}}, 422, "gpu"),
    ],
)
def test_a_body_that_breaks_the_contract_is_refused_by_the_name_of_its_field(runpod, more, status, field):
    answer = runpod.create(**more)
    assert answer.status_code == status
    assert field in answer.json()["detail"]
    assert runpod.names() == []


def test_capacity_is_prose_in_a_400_and_a_data_centre_is_enforced(runpod, emulator):
    answer = runpod.create(gpu={"count": 9})
    assert answer.status_code == 400
    assert "no longer any instances" in answer.json()["detail"]
    assert runpod.create(dataCenterIds=["XX-NOWHERE-1"]).status_code == 400
    able = {m.geolocation for m in free_machines(fleet(emulator.clock), A5000_WISH)}
    assert able
    for centre in able:
        assert runpod.create(dataCenterIds=[centre]).json()["dataCenterId"] == centre


def test_what_is_rented_is_gone_from_the_stock(runpod):
    def free():
        asked = {"include": "AVAILABILITY", "product": "POD", "minCudaVersion": "13.0"}
        return runpod.json("GET", f"catalog/gpus/{A5000}", **asked)["availability"]

    assert free() != "NONE"
    while runpod.create().status_code == 201:
        assert len(runpod.names()) <= 32
    assert free() == "NONE"
    runpod.call("DELETE", f"pods/{runpod.json('GET', 'pods')['pods'][0]['id']}")
    assert free() == "LOW"


def test_too_little_money_is_402_and_at_zero_every_pod_is_terminated(runpod, emulator):
    pod = runpod.rent()
    emulator.call("POST", "/emulator/credit", {"provider": "runpod", "usd": "0.1"})
    assert runpod.create().status_code == 402
    assert runpod.names() == ["pod"]
    emulator.pass_time(3600)
    emulator.pass_time(1)
    assert runpod.names() == []
    assert runpod.call("GET", f"pods/{pod}").status_code == 404


def test_pages_follow_cursors_and_cluster_members_have_to_be_asked_for(runpod):
    runpod.fault("instance", "in_cluster")
    for number in range(5):
        runpod.rent(f"pod-{number}")
    assert runpod.names() == [f"pod-{number}" for number in range(1, 5)]
    seen, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = runpod.json("GET", "pods", limit=2, includeClusterPods="true", **more)
        seen += [pod["name"] for pod in page["pods"]]
        cursor = page["pagination"]["nextCursor"]
        assert page["pagination"]["hasNextPage"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == [f"pod-{number}" for number in range(5)]
    assert runpod.call("GET", "pods", limit=0).status_code == 422
    assert runpod.call("GET", "pods", cursor="???").status_code == 400


def test_a_stopped_pod_costs_zero_while_its_volume_is_charged_twice_as_much(runpod, emulator):
    pod = runpod.rent(mounts={"persistent": {"size": 72, "path": "/workspace"}})
    emulator.pass_time(1200)
    before = runpod.show(pod)
    assert before["cost"] == Decimal("0.27") + Decimal("0.02")
    stopped = runpod.json("POST", f"pods/{pod}/action", {"action": "stop"})
    assert (stopped["status"], stopped["cost"], stopped["actions"]) == ("EXITED", 0, ["start", "terminate"])
    billed = Decimal(emulator.bill()["total_usd"])
    emulator.pass_time(3600)
    assert Decimal(emulator.bill()["total_usd"]) - billed == Decimal("0.02")


def test_actions_that_a_status_forbids_are_409_and_a_restart_changes_the_ports(runpod, emulator):
    pod = runpod.rent()
    assert runpod.call("POST", f"pods/{pod}/action", {"action": "start"}).status_code == 409
    assert runpod.call("POST", f"pods/{pod}/action", {"action": "dance"}).status_code == 422
    emulator.pass_time(1200)
    before = runpod.show(pod)["runtime"]["ports"][0]["public"]
    runpod.json("POST", f"pods/{pod}/action", {"action": "restart"})
    assert runpod.show(pod)["status"] == "PROVISIONING"
    emulator.pass_time(1200)
    assert runpod.show(pod)["runtime"]["ports"][0]["public"] != before
    runpod.json("PATCH", f"pods/{pod}", {"locked": True})
    assert runpod.call("POST", f"pods/{pod}/action", {"action": "stop"}).status_code == 409
    assert runpod.call("POST", f"pods/{pod}/action", {"action": "terminate"}).status_code == 204


def test_the_gpu_is_charged_from_the_create_on_and_buckets_add_up_to_the_exact_bill(runpod, emulator):
    pod = runpod.rent()
    emulator.pass_time(60)
    assert Decimal(emulator.bill()["total_usd"]) > 0
    for seconds in (1234.567891, 4000, 3333.3):
        emulator.pass_time(seconds)
    runpod.call("DELETE", f"pods/{pod}")
    emulator.pass_time(9000)
    total = Decimal(emulator.bill()["total_usd"])
    for bucket in ("hour", "day", "week"):
        records = runpod.json("GET", "billing/pods", podId=pod, bucketSize=bucket)["records"]
        assert sum(record["totalAmount"] for record in records) == total
        assert all(record["gpuAmount"] + record["diskAmount"] == record["totalAmount"] for record in records)
    assert len(runpod.json("GET", "billing/pods", podId=pod, bucketSize="hour")["records"]) >= 3
    assert runpod.json("GET", "billing/pods", podId="nobody")["records"] == []
    assert runpod.call("GET", "billing/pods", bucketSize="minute").status_code == 422
    balance = runpod.json("GET", "account/balance")
    assert balance == {"balanceAmount": 1000 - total, "billingMode": "PREPAID"}


def test_the_window_of_the_bill_is_snapped_to_its_buckets(runpod, emulator):
    runpod.rent()
    emulator.pass_time(5400)
    record = runpod.json("GET", "billing/pods", bucketSize="hour", lastN=1)["records"][0]
    start, end = parse_utc(record["startTime"]), parse_utc(record["endTime"])
    assert (start.minute, end - start) == (0, timedelta(hours=1))


def test_a_pod_may_be_hidden_for_a_while_and_a_delete_does_not_find_it(runpod, emulator):
    runpod.fault("instance", "hidden", seconds=60)
    pod = runpod.rent()
    assert runpod.names() == []
    assert runpod.call("GET", f"pods/{pod}").status_code == 404
    assert runpod.call("DELETE", f"pods/{pod}").status_code == 404
    emulator.pass_time(61)
    assert runpod.names() == ["pod"]


def test_a_running_pod_may_have_no_ports_yet(runpod, emulator):
    runpod.fault("instance", "no_ports", seconds=3000)
    pod = runpod.rent()
    emulator.pass_time(1500)
    assert (runpod.show(pod)["status"], runpod.show(pod)["runtime"]["ports"]) == ("RUNNING", None)
    emulator.pass_time(1600)
    assert runpod.show(pod)["runtime"]["ports"]


def test_a_command_that_ends_leaves_the_pod_running_and_billed(runpod, emulator):
    runpod.fault("instance", "engine_dies")
    pod = runpod.rent()
    emulator.pass_time(1500)
    shown = runpod.show(pod)
    assert shown["status"] == "RUNNING"
    assert shown["cost"] > 0


@pytest.mark.parametrize(
    ("do", "status"), [("bad_image", "ERROR"), ("stopped", "EXITED"), ("stuck_loading", "STARTING")]
)
def test_a_life_takes_another_turn(runpod, emulator, do, status):
    runpod.fault("instance", do)
    pod = runpod.rent()
    emulator.pass_time(3000)
    assert runpod.show(pod)["status"] == status


def test_the_log_is_a_stream_of_events_of_the_container_or_the_host(runpod, emulator):
    pod = runpod.rent()
    emulator.pass_time(1500)

    def events(**params):
        answer = emulator.http.get(f"{emulator.url}/v2/pods/{pod}/logs", params=params, stream=True, timeout=30)
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = []
        for line in answer.iter_lines(decode_unicode=True):
            if line.startswith(":"):
                break
            if line.startswith("data:"):
                found.append(json.loads(line.removeprefix("data:")))
        answer.close()
        return found

    assert "Application startup complete" in events(tail=3)[-1]["line"]
    assert len(events(tail=3)) == 3
    assert {event["source"] for event in events(source="system")} == {"system"}
    assert runpod.call("GET", f"pods/{pod}/logs", tail=9999).status_code == 422
    assert runpod.call("GET", "pods/nobody/logs").status_code == 404


def test_the_catalogue_wants_a_product_with_availability_and_shows_placeholders_and_a_sentinel(runpod):
    assert runpod.call("GET", "catalog/gpus", include="AVAILABILITY").status_code == 400
    assert runpod.call("GET", "catalog/gpus", count=2).status_code == 400
    plain = runpod.json("GET", "catalog/gpus")["gpus"]
    assert "availability" not in plain[0]
    assert plain[-1]["id"] == "unknown"
    l4 = next(row for row in plain if row["id"] == "NVIDIA L4")
    assert (l4["secure"], l4["community"], l4["price"]["community"]) == (True, False, Decimal("0.5"))
    stocked = runpod.json("GET", "catalog/gpus", include="AVAILABILITY", product="POD", countryCodes="RO,CZ")["gpus"]
    centres = {centre["id"] for row in stocked for centre in row.get("dataCenters", ())}
    assert centres <= {"EU-RO-1", "EU-CZ-1"}
    assert {row["availability"] for row in stocked[:-1]} <= {"NONE", "LOW", "MEDIUM", "HIGH"}
    assert runpod.call("GET", "catalog/gpus/NVIDIA RTX 9999").status_code == 404
    assert len(runpod.json("GET", "catalog/datacenters")["dataCenters"]) == 10


def test_graphql_reads_what_is_asked_and_changes_nothing(runpod, emulator):
    runpod.rent("named")

    def ask(query):
        return emulator.call("POST", "/graphql", {"query": query}).json()

    assert ask("query { myself { pods { name } } }") == {"data": {"myself": {"pods": [{"name": "named"}]}}}
    kinds = ask(
        'query K { gpuTypes(input: {id: "NVIDIA L4"}) { id lowestPrice(input: {gpuCount: 1}) { stockStatus } } }'
    )
    assert [set(kind) for kind in kinds["data"]["gpuTypes"]] == [{"id", "lowestPrice"}]
    assert ask('query { pod(input: {podId: "nobody"}) { id } }') == {"data": {"pod": None}}
    assert "reads only" in ask('mutation { podTerminate(input: {podId: "x"}) }')["errors"][0]["message"]
    assert "Syntax" in ask("query {")["errors"][0]["message"]
    open_to_all = requests.post(f"{emulator.url}/graphql", json={"query": "{ gpuTypes { id } }"}, timeout=30).json()
    assert len(open_to_all["data"]["gpuTypes"]) == len(pod_types())
    closed = requests.post(f"{emulator.url}/graphql", json={"query": "{ myself { id } }"}, timeout=30).json()
    assert closed["errors"]


def test_a_selection_is_read_with_its_arguments():
    kind, fields = read_query('query Name { a(input: {id: "x y", n: 2}) { b c { d } } e }')
    assert kind == "query"
    assert fields[0].arguments["id"] == "x y"
    value = {"b": 1, "c": [{"d": 2, "hidden": 3}], "hidden": 4}
    assert picked(value, fields[0].fields) == {"b": 1, "c": [{"d": 2}]}
    with pytest.raises(ValueError, match="end"):
        read_query("{ a { b }")


def test_faults_of_one_market_leave_the_other_alone(runpod, emulator):
    runpod.fault("list", "502")
    assert emulator.list().status_code == 200
    assert runpod.call("GET", "pods").status_code == 502
    assert runpod.call("GET", "pods").status_code == 200
    wrong = [{"provider": "runpod", "on": "instance", "do": "outbid"}, {"provider": "aws", "on": "list", "do": "502"},
             {"on": "list", "do": "no_capacity"}]  # fmt: skip
    for script in wrong:
        assert emulator.call("POST", "/emulator/faults", script).status_code == 400


def test_the_two_markets_have_accounts_of_their_own_and_one_exact_bill(runpod, emulator):
    runpod.rent()
    emulator.rent()
    emulator.pass_time(3600)
    bill = emulator.bill()
    by_market = {row["provider"]: Decimal(row["usd"]) for row in bill["instances"]}
    assert sum(by_market.values()) == Decimal(bill["total_usd"])
    assert runpod.json("GET", "account/balance")["balanceAmount"] == 1000 - by_market["runpod"]
    status = emulator.call("GET", "/emulator/status").json()
    assert {each["provider"] for each in status["instances"]} == {"vast", "runpod"}
    assert len(emulator.list().json()["instances"]) == 1


def test_pods_survive_the_death_of_the_process(tmp_path):
    clock = ManualClock()
    first = fleet(clock, tmp_path / "runpod.json")
    body = {"name": "survivor", "image": "ubuntu:24.04", "gpu": {"id": A5000}}
    pod = first.rent(ask_of(first, A5000_WISH), read_create(body).rent).pod
    clock.sleep(100)
    again = fleet(clock, tmp_path / "runpod.json", seed=9)
    assert again.pod(pod.pod_id).label == "survivor"
    assert again.bill_usd() == first.bill_usd() > 0


def fleet(clock, path=None, seed=1):
    return World(path=path, clock=clock, seed=seed, reserve_port=lambda: 0, fleet=make_fleet)


def test_a_seed_gives_one_fleet_and_every_type_has_a_price_somewhere(emulator):
    opened = emulator.clock.now()
    assert make_fleet(1, opened) == make_fleet(1, opened) != make_fleet(2, opened)
    assert all(kind.usd("SECURE") or kind.usd("COMMUNITY") for kind in pod_types())
    assert all(kind.source for kind in pod_types())
