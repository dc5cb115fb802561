"""The whole way at RunPod over real HTTP: adapter, state machine and health check against the emulator's faults."""

import dataclasses
from decimal import Decimal

import pytest
import requests

from cloudgpu.base.errors import (
    CleanupFailedError,
    InstanceFailedError,
    InvalidRequestError,
    NoCreditError,
    StoppedByUserError,
)
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.plan import query_for
from cloudgpu.emulator import process
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import make_plan
from cloudgpu.running.deployment import (
    DeploymentState,
    Limits,
    bring_up,
    refresh,
    request_from_plan,
    take_down,
)
from cloudgpu.running.providers import EmulatorAddress, open_provider
from cloudgpu.running.store import Store
from cloudgpu.running.sweep import Why, sweep
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

KEY = Secret("sk-endpoint")
SPEED = 500.0
PATIENT = Limits(max_wait_s=6 * 3600)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emulator")
    yield process.start(folder, speed=SPEED)
    process.stop(folder)


class World:
    """The emulated RunPod with a clean slate: no faults, nothing rented, a new journal."""

    def __init__(self, running, path):
        self.running, self.clock = running, running.clock()
        address = EmulatorAddress(url=running.url, api_key=running.api_key, clock=self.clock)
        self.provider = open_provider("emulator-runpod", read_settings({"HOME": "/nowhere"}), emulator=address)
        self.provider.http.timeouts = dataclasses.replace(self.provider.http.timeouts, read_s=2.0, act_s=2.0)
        self.store = Store(f"sqlite:///{path / 'cloudgpu.db'}")

    @property
    def tools(self):
        return {"provider": self.provider, "store": self.store, "clock": self.clock, "emit": self.store.append}

    def fault(self, on, do, **more):
        process.call(self.running, "POST", "/emulator/faults", {"provider": "runpod", "on": on, "do": do, **more})

    def billing(self):
        return [view.instance_id for view in self.provider.instances()]

    def creates(self):
        return [event for event in self.store.events() if event.kind.value == "intended"]

    def up(self, model="mistral", regions=(), **limits):
        needs = Needs(
            model=resolve_model(model), options=ServingOptions(), providers=("emulator-runpod",), regions=regions
        )
        plan = make_plan(needs, self.provider.search(query_for(needs)), self.clock.now())
        wished = dataclasses.replace(PATIENT, **limits)
        request = request_from_plan(plan, name=model, service=model, api_key=KEY, limits=wished)
        return bring_up(request, **self.tools)

    def clear(self):
        process.call(self.running, "DELETE", "/emulator/faults")
        process.call(self.running, "POST", "/emulator/credit", {"provider": "runpod", "usd": "1000"})
        for instance_id in self.billing():
            self.provider.destroy(instance_id)
        self.store.close()


@pytest.fixture
def world(emulator, tmp_path):
    world = World(emulator, tmp_path)
    yield world
    world.clear()


def test_up_answers_with_its_key_down_leaves_nothing_and_the_bill_is_the_markets(world):
    deployment = world.up()
    body = {"model": "mistral", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    url = f"{deployment.endpoint}/v1/chat/completions"
    with_key = requests.post(url, json=body, headers={"Authorization": f"Bearer {KEY.reveal()}"}, timeout=10)
    assert with_key.json()["choices"][0]["message"]["content"]
    assert requests.post(url, json=body, timeout=10).status_code == 401
    gone = take_down(deployment, **world.tools)
    assert gone.state is DeploymentState.GONE
    assert world.billing() == []
    lines = world.store.events("mistral")[-1].data["lines"]
    rows = process.call(world.running, "GET", "/emulator/bill")["instances"]
    mine = next(row for row in rows if row["instance_id"] == gone.instance_id)
    assert sum(Decimal(line["usd"]) for line in lines) == Decimal(mine["usd"])


def test_a_port_of_the_host_serves_as_well_as_the_proxy(world):
    world.provider.port_kind = "tcp"
    deployment = world.up()
    assert deployment.state is DeploymentState.READY
    pods = world.provider.http.read("GET", "/v2/pods", endpoint="list").body["pods"]
    assert pods[0]["ports"] == ["8000/tcp"]


def test_ports_that_are_told_late_are_waited_for(world):
    world.provider.port_kind = "tcp"
    world.fault("instance", "no_ports", seconds=1500)
    deployment = world.up()
    assert (deployment.ready_at - deployment.since).total_seconds() > 1000
    assert world.billing() == [deployment.instance_id]


def test_a_region_rents_in_one_of_its_data_centres(world):
    deployment = world.up(regions=("EU",))
    assert deployment.offer_id.count("/") == 3
    assert deployment.offer_id.rpartition("/")[2].startswith("EU")


@pytest.mark.parametrize("do", ["timeout_after_effect", "500_after_effect", "close_after_effect", "truncated"])
def test_a_create_whose_answer_is_lost_is_found_by_its_name_and_rents_one_pod(world, do):
    world.fault("create", do, seconds=3)
    deployment = world.up()
    assert deployment.state is DeploymentState.READY
    assert world.billing() == [deployment.instance_id]
    assert len(world.creates()) == 1


def test_a_create_of_500_whose_pod_is_listed_late_is_found_all_the_same(world):
    world.fault("instance", "hidden", seconds=90)
    world.fault("create", "500_after_effect")
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.creates()) == 1


def test_a_pod_that_is_not_known_for_a_while_after_its_create_is_waited_for(world):
    world.fault("instance", "hidden", seconds=100)
    deployment = world.up()
    assert deployment.state is DeploymentState.READY
    assert world.billing() == [deployment.instance_id]


def test_a_delete_that_finds_nothing_yet_is_not_taken_for_the_end(world):
    world.fault("instance", "hidden", seconds=90)

    def impatient(told):
        if told.phase == "provisioning":
            raise KeyboardInterrupt

    needs = Needs(model=resolve_model("mistral"), options=ServingOptions(), providers=("emulator-runpod",))
    plan = make_plan(needs, world.provider.search(query_for(needs)), world.clock.now())
    request = request_from_plan(plan, name="mistral", service="mistral", api_key=KEY, limits=PATIENT)
    with pytest.raises(StoppedByUserError):
        bring_up(request, **world.tools, on_progress=impatient)
    world.clock.sleep(120)
    assert world.billing() == []


@pytest.mark.parametrize("do", ["no_capacity", "forbidden", "bad_request"])
def test_what_one_offer_refuses_the_next_one_serves(world, do):
    world.fault("create", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.creates()) == 2


def test_a_request_that_breaks_the_rules_stops_at_once(world):
    world.fault("create", "bad_body", times=None)
    with pytest.raises(InvalidRequestError):
        world.up()
    assert len(world.creates()) == 1
    assert world.store.deployment("mistral").state is DeploymentState.ABANDONED


def test_too_little_money_stops_at_once_and_says_what_is_left(world):
    process.call(world.running, "POST", "/emulator/credit", {"provider": "runpod", "usd": "0.10"})
    with pytest.raises(NoCreditError, match=r"\$0\.10 left"):
        world.up()
    assert len(world.creates()) == 1


def test_a_429_without_headers_is_no_rental_and_the_next_offer_serves(world):
    world.fault("create", "429")
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]


@pytest.mark.parametrize(("do", "said"), [("stopped", "EXITED"), ("bad_image", "ERROR")])
def test_a_pod_that_ends_by_itself_is_removed_with_the_reason(world, do, said):
    world.fault("instance", do, times=3)
    with pytest.raises(InstanceFailedError, match=said):
        world.up()
    assert world.billing() == []


def test_an_engine_that_dies_in_a_restart_loop_is_found_by_its_log(world):
    world.fault("instance", "engine_dies", after_s=200)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.creates()) == 2


def test_a_balance_of_zero_ends_the_pod_and_status_sees_it_go(world):
    other = world.up("qwen-7b")
    deployment = world.up()
    world.fault("instance", "terminated", label=deployment.token, after_s=0)
    for _ in range(40):
        deployment = refresh(deployment, world.provider, world.store, world.clock, world.store.append)
        if deployment.state is DeploymentState.GONE:
            break
        world.clock.sleep(30)
    assert deployment.state is DeploymentState.GONE
    assert world.billing() == [other.instance_id]


def test_a_delete_that_keeps_failing_is_told_as_something_that_may_still_bill(world):
    deployment = world.up()
    world.fault("destroy", "500", times=None)
    with pytest.raises(CleanupFailedError):
        take_down(deployment, **world.tools)
    assert world.store.deployment("mistral").state is DeploymentState.CLEANUP_FAILED


def test_the_sweep_finds_members_of_clusters_too(world):
    world.fault("instance", "in_cluster")
    deployment = world.up()
    world.store.save_deployment(dataclasses.replace(deployment, state=DeploymentState.GONE))
    found = sweep(world.provider, world.store, world.clock.now())
    assert [(each.view.instance_id, each.why) for each in found] == [(deployment.instance_id, Why.SHOULD_BE_GONE)]
