"""The whole way over real HTTP: adapter, state machine and health check against the emulator and its faults."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest
import requests

from cloudgpu.base.errors import (
    CleanupFailedError,
    CloudgpuError,
    InstanceFailedError,
    MissingKeyError,
    NothingFitsError,
    StoppedByUserError,
    UsageError,
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
    read_bill,
    refresh,
    request_from_plan,
    take_down,
)
from cloudgpu.running.health import ask, probe
from cloudgpu.running.providers import EmulatorAddress, open_provider
from cloudgpu.running.providers.http import Timeouts
from cloudgpu.running.providers.vast import open_vast
from cloudgpu.running.settle import settle_left_behind
from cloudgpu.running.store import Store
from cloudgpu.running.sweep import Why, sweep
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

KEY = Secret("sk-endpoint")
SPEED = 500.0


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emulator")
    running = process.start(folder, speed=SPEED)
    yield running
    process.stop(folder)


PATIENT = Limits(max_wait_s=6 * 3600)
"""On a busy machine each real millisecond is half a second of the market: deadlines are tested where they are meant."""


class World:
    """One emulator with a clean slate: no faults, nothing rented, a new journal."""

    def __init__(self, running, path):
        self.running = running
        self.clock = running.clock()
        self.provider = open_vast(
            running.url, running.api_key, self.clock, name="emulator", console=running.url,
            timeouts=Timeouts(connect_s=2, read_s=2, act_s=2),
        )  # fmt: skip
        self.store = Store(f"sqlite:///{path / 'cloudgpu.db'}")

    @property
    def tools(self):
        return {"provider": self.provider, "store": self.store, "clock": self.clock, "emit": self.store.append}

    def fault(self, on, do, **more):
        process.call(self.running, "POST", "/emulator/faults", {"on": on, "do": do, **more})

    def heal(self):
        process.call(self.running, "DELETE", "/emulator/faults")

    def billing(self):
        return [view.instance_id for view in self.provider.instances()]

    def request(self, model="mistral", limits=None):
        needs = Needs(model=resolve_model(model), options=ServingOptions(), providers=("emulator",))
        plan = make_plan(needs, self.provider.search(query_for(needs)), self.clock.now())
        if not plan.candidates:
            raise NothingFitsError("nothing")
        return request_from_plan(plan, name=model, service=model, api_key=KEY, limits=limits or PATIENT)

    def up(self, model="mistral", **limits):
        return bring_up(self.request(model, dataclasses.replace(PATIENT, **limits)), **self.tools)

    def clear(self):
        self.heal()
        for instance_id in self.billing():
            self.provider.destroy(instance_id)
        self.store.close()


@pytest.fixture
def world(emulator, tmp_path):
    world = World(emulator, tmp_path)
    yield world
    world.clear()


def test_up_answers_with_its_key_and_not_without_and_down_leaves_nothing(world):
    deployment = world.up()
    body = {"model": "mistral", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    url = f"{deployment.endpoint}/v1/chat/completions"
    with_key = requests.post(url, json=body, headers={"Authorization": f"Bearer {KEY.reveal()}"}, timeout=10)
    assert with_key.json()["choices"][0]["message"]["content"]
    assert requests.post(url, json=body, timeout=10).status_code == 401
    answer = ask(deployment.endpoint, KEY, deployment.health.model_id, "What is a GPU?", 16)
    assert answer.text
    assert 0 < answer.ttft_s <= answer.total_s
    assert take_down(deployment, **world.tools).state is DeploymentState.GONE
    assert world.billing() == []
    assert not probe(deployment.endpoint, KEY, deployment.health).ready


def test_the_recorded_bill_is_the_emulators_bill_to_the_last_digit(world):
    gone = take_down(world.up(), **world.tools)
    read_bill(gone, world.provider, world.store.append, world.clock)
    lines = world.store.events("mistral")[-1].data["lines"]
    recorded = sum(Decimal(line["usd"]) for line in lines)
    bill = process.call(world.running, "GET", "/emulator/bill")
    mine = [each for each in bill["instances"] if str(each["instance_id"]) == gone.instance_id]
    assert recorded == Decimal(str(mine[0]["usd"]))
    assert {line["meter"] for line in lines} == {"gpu", "disk", "download"}


@pytest.mark.parametrize(
    "do",
    [
        "timeout_after_effect",
        "500_after_effect",
        "504_after_effect",
        "html_after_effect",
        "close_after_effect",
        "truncated",
    ],
)
def test_a_create_whose_answer_is_lost_rents_one_machine(world, do):
    world.fault("create", do, seconds=3)
    deployment = world.up()
    assert deployment.state is DeploymentState.READY
    assert world.billing() == [deployment.instance_id]


@pytest.mark.parametrize("do", ["504", "timeout", "html", "close", "429"])
def test_a_create_that_never_happened_is_given_up_and_the_next_one_serves(world, do):
    world.fault("create", do, seconds=3)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert [d.state for d in world.store.deployments(include_gone=True)].count(DeploymentState.ABANDONED) == 1


@pytest.mark.parametrize("do", ["no_such_ask_400", "no_such_ask_404", "no_such_ask_410", "200_success_false"])
def test_an_offer_that_is_gone_leads_to_the_next(world, do):
    world.fault("create", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]


def test_a_refused_create_that_rented_all_the_same_is_destroyed(world):
    world.fault("create", "error_with_new_contract")
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]


def test_empty_and_short_listings_are_not_believed(world):
    first = world.up()
    world.fault("list", "empty", times=None)
    seen = refresh(first, *world.tools.values())
    assert seen.state is DeploymentState.READY
    world.heal()
    world.fault("list", "short", times=None)
    seen = refresh(first, *world.tools.values())
    assert seen.state is DeploymentState.READY
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


@pytest.mark.parametrize("do", ["bad_image", "engine_dies", "host_offline"])
def test_a_machine_that_fails_is_removed_and_the_next_one_serves(world, do):
    world.fault("instance", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert len(world.store.deployments(include_gone=True)) == 2


def test_a_machine_that_never_gets_anywhere_ends_at_the_deadline(world):
    world.fault("instance", "stuck_loading", times=None)
    with pytest.raises(CloudgpuError, match="did not answer within"):
        world.up(max_attempts=1, max_wait_s=300)
    assert world.billing() == []


def test_a_price_that_rises_after_the_create_is_not_paid(world):
    world.fault("instance", "price_rise", factor="3", after_s=1, times=1)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    first = world.store.deployments(include_gone=True)[0]
    assert first.state is DeploymentState.GONE


def test_a_model_that_does_not_fit_is_refused_with_the_engines_words(world):
    request = world.request("mistral", dataclasses.replace(PATIENT, max_attempts=1))
    launch = request.rentals[0].launch
    args = tuple("900000" if word == "8192" else word for word in launch.args)
    rental = dataclasses.replace(request.rentals[0], launch=dataclasses.replace(launch, args=args))
    with pytest.raises(InstanceFailedError):
        bring_up(dataclasses.replace(request, rentals=(rental,)), **world.tools)
    assert world.billing() == []


def test_what_the_journal_forgot_is_found_by_its_label_and_nothing_else_is(world, tmp_path):
    deployment = world.up()
    offer = world.request().rentals[0]
    world.provider.create(offer.offer, offer.launch, "somebody else's")
    assert sweep(world.provider, world.store, world.clock.now()) == []
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    found = sweep(world.provider, other, world.clock.now())
    assert [(f.why, f.view.instance_id) for f in found] == [(Why.FOREIGN, deployment.instance_id)]
    other.close()
    late = sweep(world.provider, world.store, world.clock.now() + timedelta(days=2))
    assert [f.why for f in late] == [Why.EXPIRED]


def test_an_emulator_that_dies_is_an_error_with_a_hint_and_nothing_is_called_gone(tmp_path):
    running = process.start(tmp_path / "state", speed=SPEED)
    world = World(running, tmp_path)
    deployment = world.up()
    process.stop(tmp_path / "state")
    seen = refresh(deployment, *world.tools.values())
    assert seen.state is DeploymentState.READY
    assert "connection failed" in seen.last_error
    with pytest.raises(CleanupFailedError):
        take_down(deployment, **world.tools)
    again = process.start(tmp_path / "state", speed=SPEED)
    try:
        revived = World(again, tmp_path)
        assert take_down(deployment, **revived.tools).state is DeploymentState.GONE
        revived.store.close()
    finally:
        process.stop(tmp_path / "state")
        world.store.close()


def test_settings_open_the_same_adapter_for_both(emulator):
    settings = read_settings({"HOME": "/nonexistent"})
    with pytest.raises(MissingKeyError, match="API key") as caught:
        open_provider("vast", settings)
    assert "--provider emulator" in caught.value.hint
    with pytest.raises(UsageError):
        open_provider("nobody", settings)
    address = EmulatorAddress(url=emulator.url, api_key=emulator.api_key, clock=emulator.clock())
    keyed = read_settings({"HOME": "/nonexistent", "VAST_API_KEY": "k", "VAST_URL": emulator.url})
    assert type(open_provider("emulator", settings, emulator=address)) is type(open_provider("vast", keyed))


def test_a_create_that_is_stopped_at_once_is_removed_though_nobody_shows_it_yet(world, monkeypatch):
    for call in ("list", "show", "destroy"):
        world.fault(call, "late", seconds=40, times=None)
    look, looks = world.provider.instances, []

    def interrupted():
        looks.append(1)
        if len(looks) == 1:
            raise KeyboardInterrupt
        return look()

    provider = type("Interrupted", (), {"__getattr__": lambda self, name: getattr(world.provider, name)})()
    provider.instances = interrupted
    with pytest.raises(StoppedByUserError, match="everything that was created is gone"):
        bring_up(world.request(), **{**world.tools, "provider": provider})
    world.heal()
    assert world.billing() == []


def test_an_end_that_was_never_accepted_is_not_closed_by_one_bad_look_of_status(world):
    deployment = world.up()
    world.fault("destroy", "503", times=None)
    with pytest.raises(CleanupFailedError):
        take_down(deployment, **world.tools)
    world.fault("list", "empty")
    world.fault("show", "null")
    seen = refresh(world.store.life(deployment.token), *world.tools.values())
    assert seen.state is DeploymentState.CLEANUP_FAILED
    world.heal()
    assert take_down(seen, **world.tools).state is DeploymentState.GONE
    assert world.billing() == []


def test_a_destroy_that_knows_nothing_of_a_living_instance_does_not_end_it(world):
    deployment = world.up()
    world.fault("destroy", "no_such_instance")
    assert take_down(deployment, **world.tools).state is DeploymentState.GONE
    assert world.billing() == []
