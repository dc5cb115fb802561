"""The whole way on a machine of one's own: adapter, state machine and health check against a daemon on paper."""

import dataclasses

import pytest
import requests

from cloudgpu.base.errors import (
    CleanupFailedError,
    CreateRefusedError,
    DeadlineError,
    InstanceFailedError,
    StoppedByUserError,
)
from cloudgpu.running.deployment import DeploymentState, read_bill, refresh, take_down
from cloudgpu.running.deployment.settle import settle_left_behind
from cloudgpu.running.health import ask, probe
from cloudgpu.running.store import Store
from cloudgpu.running.sweep import Why, sweep
from tests.running.docker_daemon import Fate
from tests.running.docker_world import KEY, docker_world


@pytest.fixture
def world():
    with docker_world() as world:
        yield world


def test_up_answers_with_its_key_and_down_leaves_nothing(world):
    deployment = world.up()
    assert (deployment.state, deployment.gpu, deployment.gpu_count) == (DeploymentState.READY, "RTX 3090", 1)
    assert deployment.endpoint.startswith("http://127.0.0.1:")
    assert requests.get(f"{deployment.endpoint}/v1/models", timeout=60).status_code == 401
    assert ask(deployment.endpoint, KEY, deployment.health.model_id, "What is a GPU?", 16).text
    assert refresh(deployment, *world.tools.values()).state is DeploymentState.READY
    assert "Application startup complete" in world.provider.logs(deployment.instance_id, 200)
    assert take_down(deployment, **world.tools).state is DeploymentState.GONE
    assert world.daemon.living() == []
    assert not probe(deployment.endpoint, KEY, deployment.health).ready
    assert read_bill(deployment, world.provider, world.store.append, world.clock) == 0


def test_the_pull_is_a_phase_before_anything_exists(world):
    world.daemon.images.clear()
    told = []
    world.up(on_progress=told.append)
    phases = [each.phase for each in told]
    assert phases[0] == "pulling the image"
    assert phases.index("pulling the image") < phases.index("checking price")
    assert all(each.usd == 0 for each in told if each.phase == "pulling the image")


def test_a_ctrl_c_during_the_pull_leaves_nothing_to_look_up(world):
    world.daemon.images.clear()

    def impatient(told):
        if told.phase == "pulling the image":
            raise KeyboardInterrupt

    with pytest.raises(StoppedByUserError):
        world.up(on_progress=impatient)
    assert world.store.deployments(include_gone=True) == []
    assert world.daemon.creates == 0


def test_a_ctrl_c_in_the_middle_removes_what_was_made(world):
    world.daemon.fates.append(Fate(stays="restarting"))

    def impatient(told):
        if told.phase == "starting":
            raise KeyboardInterrupt

    with pytest.raises(StoppedByUserError, match="everything that was created is gone"):
        world.up(on_progress=impatient)
    assert (world.daemon.creates, world.daemon.living()) == (1, [])


@pytest.mark.parametrize("do", ["500", "close", "html", "truncated"])
def test_a_create_whose_answer_is_lost_makes_one_container(world, do):
    world.daemon.fault("create", f"{do}_after_effect")
    deployment = world.up()
    assert world.daemon.living() == [deployment.instance_id]
    assert world.daemon.creates == 1


def test_a_container_whose_start_was_never_sent_is_found_and_replaced(world):
    world.daemon.fault("create", "close_after_effect")
    world.daemon.fault("inspect", "close")
    deployment = world.up()
    assert world.daemon.creates == 2
    assert world.daemon.living() == [deployment.instance_id]


def test_an_engine_that_dies_at_once_is_told_by_its_own_words_and_removed(world):
    world.daemon.fates += [Fate(exits_with=1, log="torch.OutOfMemoryError: CUDA out of memory. Tried to\n")] * 2
    with pytest.raises(InstanceFailedError, match="CUDA out of memory"):
        world.up()
    assert world.daemon.living() == []


def test_an_engine_that_the_machine_had_no_memory_for_says_so(world):
    world.daemon.fates += [Fate(exits_with=137, out_of_memory=True, log="")] * 2
    with pytest.raises(InstanceFailedError, match="ran out of memory"):
        world.up()
    assert world.daemon.living() == []


def test_a_machine_that_hands_out_no_gpus_leaves_no_container_and_says_what_to_install(world):
    world.daemon.fates += [Fate(refuses_to_start='could not select device driver "" with capabilities: [[gpu]]')] * 2
    with pytest.raises(CreateRefusedError, match="cannot hand GPUs") as told:
        world.up()
    assert "NVIDIA Container Toolkit" in told.value.hint
    assert world.daemon.living() == []


def test_what_one_card_cannot_run_is_tried_on_two_of_the_same_machine(world):
    world.daemon.fates.append(Fate(exits_with=1, log="torch.OutOfMemoryError: CUDA out of memory.\n"))
    deployment = world.up()
    assert deployment.gpu_count == 2
    assert world.daemon.living() == [deployment.instance_id]


def test_without_a_price_a_failure_is_no_end_either(world):
    world.daemon.fates.append(Fate(exits_with=1, log="torch.OutOfMemoryError: CUDA out of memory.\n"))
    world.provider = world.open({"CLOUDGPU_DOCKER_GPUS": "2x RTX 3090"})
    deployment = world.up()
    assert (deployment.gpu_count, deployment.usd_per_hour) == (2, 0)
    assert world.daemon.living() == [deployment.instance_id]


def test_a_pull_that_trickles_ends_with_the_longest_wait(world):
    world.daemon.images.clear()
    size = 10**10
    world.daemon.pull = [
        {"status": "Downloading", "id": "a1", "progressDetail": {"current": come, "total": size}} for come in range(99)
    ]

    def slow(told):
        if told.phase == "pulling the image":
            world.clock.sleep(60)

    with pytest.raises(DeadlineError, match="after 10 minutes the image is not there"):
        world.up(on_progress=slow, max_wait_s=600, max_attempts=1)
    assert world.daemon.creates == 0


def test_who_may_create_and_not_start_is_left_with_nothing(world):
    world.daemon.fault("start", "403", times=3)
    with pytest.raises(CreateRefusedError, match="denied by plugin"):
        world.up()
    assert world.daemon.creates > 0
    assert world.daemon.living() == []


def test_a_destroy_that_the_daemon_refuses_is_told_and_can_be_finished_later(world):
    deployment = world.up()
    world.daemon.fault("destroy", "500", times=1000)
    with pytest.raises(CleanupFailedError, match="something went wrong") as told:
        take_down(deployment, **world.tools)
    assert told.value.exit_status == 6
    assert "docker rm --force" in told.value.hint
    world.daemon.faults.clear()
    assert settle_left_behind(deployment, *world.tools.values()).state is DeploymentState.GONE
    assert world.daemon.living() == []


@pytest.mark.filterwarnings("ignore:unclosed")
def test_a_daemon_that_is_gone_ends_nothing(world):
    deployment = world.up()
    engine = world.daemon.find(deployment.instance_id)
    world.daemon.fault("list", "close", times=1000)
    seen = refresh(deployment, *world.tools.values())
    assert (seen.state, engine.status) == (DeploymentState.READY, "running")
    assert "no Docker daemon answers" in seen.last_error


def test_an_engine_that_ends_by_itself_is_seen_and_started_by_nobody(world):
    deployment = world.up()
    world.daemon.end(world.daemon.find(deployment.instance_id))
    seen = refresh(deployment, *world.tools.values())
    assert seen.state is DeploymentState.FAILED
    assert "its command ended with 0" in seen.last_error


def test_what_the_journal_forgot_is_found_by_its_label(world, tmp_path):
    deployment = world.up()
    assert sweep(world.provider, world.store, world.clock.now()) == []
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    found = sweep(world.provider, other, world.clock.now())
    assert [(each.why, each.view.instance_id) for each in found] == [(Why.FOREIGN, deployment.instance_id)]
    other.close()


def test_another_daemon_proves_nothing_of_this_ones_container(world):
    deployment = world.up()
    world.daemon.info["ID"] = "ANOTHER"
    gone = dataclasses.replace(deployment, account="I6CA:FQ4Y")
    assert gone.account == deployment.account
    world.daemon.containers.clear()
    with pytest.raises(CleanupFailedError, match="another account"):
        take_down(deployment, **world.tools)
