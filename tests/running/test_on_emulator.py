"""The whole way over real HTTP, the same at either provider: adapter, state machine and health check against faults."""

import dataclasses
from decimal import Decimal

import pytest
import requests

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, InstanceFailedError, StoppedByUserError
from cloudgpu.running.deployment import DeploymentState, bring_up, read_bill, refresh, take_down
from cloudgpu.running.deployment.settle import settle_left_behind
from cloudgpu.running.health import ask, probe
from cloudgpu.running.store import Store
from cloudgpu.running.sweep import Why, sweep
from tests.running.emulated import KEY, PROVIDERS, World


@pytest.fixture(params=PROVIDERS)
def world(request, rig, tmp_path):
    rig.reset()
    world = World(request.param, rig, tmp_path)
    yield world
    world.store.close()


@pytest.mark.parametrize("model", ["mistral", "qwen-14b"])
def test_up_answers_with_its_key_down_leaves_nothing_and_the_bill_is_the_markets(world, model):
    deployment = world.up(model)
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    url = f"{deployment.endpoint}/v1/chat/completions"
    with_key = requests.post(url, json=body, headers={"Authorization": f"Bearer {KEY.reveal()}"}, timeout=60)
    assert with_key.json()["choices"][0]["message"]["content"]
    assert requests.post(url, json=body, timeout=60).status_code == 401
    answer = ask(deployment.endpoint, KEY, deployment.health.model_id, "What is a GPU?", 16)
    assert answer.text
    assert 0 < answer.ttft_s <= answer.total_s
    assert "Application startup complete" in world.provider.logs(deployment.instance_id, 200)
    gone = take_down(deployment, **world.tools)
    assert gone.state is DeploymentState.GONE
    assert world.billing() == []
    assert not probe(deployment.endpoint, KEY, deployment.health).ready
    read_bill(gone, world.provider, world.store.append, world.clock)
    lines = world.store.events(model)[-1].data["lines"]
    assert sum(Decimal(line["usd"]) for line in lines) == world.billed_usd(gone.instance_id)
    assert {"gpu", "disk"} <= {line["meter"] for line in lines}


@pytest.mark.parametrize(
    "do",
    ["timeout_after_effect", "500_after_effect", "504_after_effect", "html_after_effect", "close_after_effect",
     "truncated"],
)  # fmt: skip
def test_a_create_whose_answer_is_lost_rents_one_machine(world, do):
    world.fault("create", do)
    deployment = world.up()
    assert deployment.state is DeploymentState.READY
    assert world.billing() == [deployment.instance_id]
    assert (world.created(), len(world.intents())) == (1, 1)


@pytest.mark.parametrize("do", ["504", "timeout", "html", "close", "429"])
def test_a_create_that_never_happened_is_given_up_and_the_next_one_serves(world, do):
    world.fault("create", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert [d.state for d in world.store.deployments(include_gone=True)].count(DeploymentState.ABANDONED) == 1


def test_an_offer_that_is_gone_leads_to_the_next(world):
    world.fault("create", {"vast": "no_such_ask_410", "runpod": "no_capacity"}[world.name])
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.intents()) == 2


def test_an_empty_listing_is_not_believed(world):
    first = world.up()
    world.fault("list", "empty", times=None)
    assert refresh(first, *world.tools.values()).state is DeploymentState.READY
    world.heal()
    assert refresh(first, *world.tools.values()).last_error is None


def test_a_destroy_that_is_ignored_is_said_and_can_be_finished_later(world):
    deployment = world.up()
    world.fault("destroy", "ignored", times=None)
    with pytest.raises(CleanupFailedError) as caught:
        take_down(deployment, **world.tools)
    assert caught.value.exit_status == 6
    assert world.billing() == [deployment.instance_id]
    world.heal()
    assert settle_left_behind(deployment, *world.tools.values()).state is DeploymentState.GONE
    assert world.billing() == []


def test_a_destroy_that_keeps_failing_is_told_as_something_that_may_still_bill(world):
    deployment = world.up()
    world.fault("destroy", "500", times=None)
    with pytest.raises(CleanupFailedError):
        take_down(deployment, **world.tools)
    assert world.store.deployment("mistral").state is DeploymentState.CLEANUP_FAILED


@pytest.mark.parametrize("do", ["bad_image", "engine_dies", "host_offline"])
def test_a_machine_that_fails_is_removed_and_the_next_one_serves(world, do):
    world.fault("instance", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.intents()) == 2


def test_a_machine_that_never_gets_anywhere_ends_at_the_deadline(world):
    world.fault("instance", "stuck_loading", times=None)
    with pytest.raises(CloudgpuError, match="did not answer within"):
        world.up(max_attempts=1, max_wait_s=300)
    assert world.billing() == []


def test_a_price_that_rises_after_the_create_is_not_paid(world):
    world.fault("instance", "price_rise", factor="3", after_s=1, times=1)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert world.store.deployments(include_gone=True)[0].state is DeploymentState.GONE


def test_a_model_that_does_not_fit_is_refused_with_the_engines_words(world):
    request = world.request(max_attempts=1)
    launch = request.rentals[0].launch
    args = tuple("900000" if word == "8192" else word for word in launch.args)
    rental = dataclasses.replace(request.rentals[0], launch=dataclasses.replace(launch, args=args))
    with pytest.raises(InstanceFailedError):
        bring_up(dataclasses.replace(request, rentals=(rental,)), **world.tools)
    assert world.billing() == []


def test_what_the_journal_forgot_is_found_by_its_label_and_nothing_else_is(world, tmp_path):
    deployment = world.up()
    rental = world.request().rentals[0]
    world.provider.create(rental.offer, rental.launch, "somebody else's")
    assert sweep(world.provider, world.store, world.clock.now()) == []
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    found = sweep(world.provider, other, world.clock.now())
    assert [(f.why, f.view.instance_id) for f in found] == [(Why.FOREIGN, deployment.instance_id)]
    other.close()


def test_a_ctrl_c_in_the_middle_removes_what_was_made(world):
    def impatient(told):
        if told.phase == "starting":
            raise KeyboardInterrupt

    with pytest.raises(StoppedByUserError, match="everything that was created is gone"):
        world.up(on_progress=impatient)
    assert world.created() == 1
    assert world.billing() == []


def test_what_is_removed_at_the_console_is_seen_to_be_gone(world):
    other, deployment = world.up("qwen-7b"), world.up()
    world.rig.destroy(world.name, deployment.instance_id)
    world.clock.sleep(180)
    refresh(deployment, *world.tools.values())
    world.clock.sleep(60)
    seen = refresh(world.store.life(deployment.token), *world.tools.values())
    assert seen.state is DeploymentState.GONE
    assert world.billing() == [other.instance_id]
