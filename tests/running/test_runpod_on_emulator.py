"""What only RunPod does, the whole way over real HTTP: its ports, regions, refusals, hidden pods and their ends."""

import dataclasses
from decimal import Decimal

import pytest

from cloudgpu.base.errors import InstanceFailedError, InvalidRequestError, NoCreditError, StoppedByUserError
from cloudgpu.running.deployment import DeploymentState, refresh
from cloudgpu.running.sweep import Why, sweep
from tests.running.emulated import open_provider

PROVIDER = "runpod"


def test_a_port_of_the_host_serves_as_well_as_the_proxy(world):
    world.provider = open_provider("runpod", world.rig, port_kind="tcp")
    deployment = world.up()
    assert deployment.state is DeploymentState.READY
    pods = world.provider.http.read("GET", "/v2/pods", endpoint="list").body["pods"]
    assert pods[0]["ports"] == ["8000/tcp"]
    assert world.provider.capabilities.first_byte_s is None


def test_ports_that_are_told_late_are_waited_for(world):
    world.provider = open_provider("runpod", world.rig, port_kind="tcp")
    world.fault("instance", "no_ports", seconds=900)
    deployment = world.up()
    assert (deployment.ready_at - deployment.since).total_seconds() >= 900
    assert world.billing() == [deployment.instance_id]


def test_a_region_rents_in_one_of_its_data_centres(world):
    deployment = world.up(regions=("EU",))
    assert deployment.offer_id.count("/") == 3
    assert deployment.offer_id.rpartition("/")[2].startswith("EU")


def test_a_create_of_500_whose_pod_is_listed_late_is_found_all_the_same(world):
    world.fault("instance", "hidden", seconds=90)
    world.fault("create", "500_after_effect")
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert (world.created(), len(world.intents())) == (1, 1)


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

    with pytest.raises(StoppedByUserError):
        world.up(on_progress=impatient)
    world.clock.sleep(120)
    assert world.created() == 1
    assert world.billing() == []


@pytest.mark.parametrize("do", ["no_capacity", "forbidden", "bad_request"])
def test_what_one_offer_refuses_the_next_one_serves(world, do):
    world.fault("create", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.intents()) == 2


def test_a_request_that_breaks_the_rules_stops_at_once(world):
    world.fault("create", "bad_body", times=None)
    with pytest.raises(InvalidRequestError):
        world.up()
    assert len(world.intents()) == 1
    assert world.store.deployment("mistral").state is DeploymentState.ABANDONED


def test_too_little_money_stops_at_once_and_says_what_is_left(world):
    world.rig.set_credit("runpod", Decimal("0.10"))
    with pytest.raises(NoCreditError, match=r"\$0\.10 left"):
        world.up()
    assert len(world.intents()) == 1
    world.rig.set_credit("runpod", Decimal(100))


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
    assert len(world.intents()) == 2


def test_a_balance_of_zero_ends_the_pod_and_status_sees_it_go(world):
    other = world.up("qwen-7b")
    deployment = world.up()
    world.fault("instance", "terminated", label=deployment.token, after_s=0)
    for _ in range(10):
        deployment = refresh(deployment, world.provider, world.store, world.clock, world.store.append)
        if deployment.state is DeploymentState.GONE:
            break
        world.clock.sleep(60)
    assert deployment.state is DeploymentState.GONE
    assert world.billing() == [other.instance_id]


def test_the_sweep_finds_members_of_clusters_too(world):
    world.fault("instance", "in_cluster")
    deployment = world.up()
    world.store.save_deployment(dataclasses.replace(deployment, state=DeploymentState.GONE))
    found = sweep(world.provider, world.store, world.clock.now())
    assert [(each.view.instance_id, each.why) for each in found] == [(deployment.instance_id, Why.SHOULD_BE_GONE)]


def test_a_log_that_breaks_off_is_shown_as_far_as_it_came_and_said_to_break_off(world):
    deployment = world.up()
    whole = world.provider.logs(deployment.instance_id, 100)
    world.fault("logs", "truncated")
    cut = world.provider.logs(deployment.instance_id, 100)
    assert cut.splitlines()[:-1] == whole.splitlines()[: len(cut.splitlines()) - 1]
    assert cut.endswith("[the stream broke off here]\n")
