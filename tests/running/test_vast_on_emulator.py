"""What only Vast.ai does, the whole way over real HTTP: its refusals, half creates, lagging and short listings."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest

from cloudgpu.accounting.ledger import fold
from cloudgpu.base.errors import CleanupFailedError, MissingKeyError, StoppedByUserError, UsageError
from cloudgpu.base.settings import read_settings
from cloudgpu.emulator import process
from cloudgpu.running.deployment import DeploymentState, bring_up, refresh, take_down
from cloudgpu.running.deployment.coming_back import ready_when_it_answers
from cloudgpu.running.providers import EmulatorAddress, open_provider
from cloudgpu.running.sweep import Why, sweep
from tests.running.emulated import World

PROVIDER = "vast"


@pytest.mark.parametrize("do", ["no_such_ask_400", "no_such_ask_404", "no_such_ask_410", "200_success_false"])
def test_an_offer_that_is_gone_in_any_of_its_forms_leads_to_the_next(world, do):
    world.fault("create", do)
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert world.created() == 1


def test_a_refused_create_that_rented_all_the_same_is_destroyed(world):
    world.fault("create", "error_with_new_contract")
    deployment = world.up()
    assert world.billing() == [deployment.instance_id]
    assert world.created() == 2


def test_a_bid_serves_is_seen_to_be_outbid_and_serves_again_when_it_is_raised(world):
    deployment = world.up(spot=True)
    view = world.provider.instance(deployment.instance_id)
    assert view.bid_usd_per_hour == deployment.gpu_usd_per_hour
    assert world.billing() == [deployment.instance_id]
    world.fault("instance", "outbid", label=deployment.token, after_s=0)
    world.clock.sleep(1)
    seen = refresh(deployment, *world.tools.values())
    assert seen.state is DeploymentState.OUTBID
    assert "its own" in seen.last_error
    world.provider.change_bid(deployment.instance_id, view.bid_usd_per_hour * 2)
    world.clock.sleep(1200)
    seen = refresh(seen, *world.tools.values())
    assert seen.state is DeploymentState.LOADING
    assert ready_when_it_answers(seen, *world.tools.values()).state is DeploymentState.READY
    assert take_down(seen, **world.tools).state is DeploymentState.GONE
    assert world.billing() == []


def test_a_bid_below_the_least_is_raised_before_it_is_sent_and_rents_one_machine(world):
    request = world.request(spot=True)
    low = [dataclasses.replace(r, offer=dataclasses.replace(r.offer, gpu_usd_per_hour=r.offer.gpu_usd_per_hour / 2))
           for r in request.rentals]  # fmt: skip
    wished = dataclasses.replace(request.limits, max_usd_per_hour=Decimal(1))
    deployment = bring_up(dataclasses.replace(request, rentals=tuple(low), limits=wished), **world.tools)
    assert deployment.gpu_usd_per_hour > request.rentals[0].offer.min_bid_usd_per_hour
    assert world.created() == 1


def test_a_short_listing_is_not_believed(world):
    first = world.up()
    world.fault("list", "short", times=None)
    assert refresh(first, *world.tools.values()).state is DeploymentState.READY


@pytest.mark.parametrize("looks", [0, 2], ids=["down", "two looks"])
def test_what_vanished_from_an_account_that_lists_nothing_more_costs_what_its_provider_billed(world, looks):
    deployment = world.up()
    world.clock.sleep(1800)
    deployment = refresh(deployment, *world.tools.values())
    world.clock.sleep(600)
    world.rig.destroy("vast", deployment.instance_id)
    world.clock.sleep(7200)
    for _ in range(looks):
        deployment = refresh(deployment, *world.tools.values())
        world.clock.sleep(60)
    gone = deployment if looks else take_down(deployment, **world.tools)
    assert gone.state is DeploymentState.GONE
    told = sum(charge.usd for charge in fold(world.store.events(), world.clock.now()))
    assert told == world.billed_usd(gone.instance_id)


def test_a_lease_that_is_over_is_found(world):
    world.up()
    late = sweep(world.provider, world.store, world.clock.now() + timedelta(days=2))
    assert [found.why for found in late] == [Why.EXPIRED]


def test_a_create_that_is_stopped_at_once_is_removed_though_nobody_shows_it_yet(world):
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


def test_an_emulator_that_dies_is_an_error_with_a_hint_and_nothing_is_called_gone(tmp_path):
    running = process.start(tmp_path / "state", speed=500.0)

    def opened(running):
        address = EmulatorAddress(url=running.url, api_key=running.api_key, clock=running.clock())
        return open_provider("emulator", read_settings({"HOME": "/nowhere"}), emulator=address)

    world = World("vast", dataclasses.make_dataclass("Place", ["url", "vast_key", "clock"])(
        running.url, running.api_key, running.clock()), tmp_path)  # fmt: skip
    world.name, world.provider = "emulator", opened(running)
    deployment = world.up(max_wait_s=6 * 3600)
    process.stop(tmp_path / "state")
    seen = refresh(deployment, *world.tools.values())
    assert seen.state is DeploymentState.READY
    assert "nothing listens there" in seen.last_error
    with pytest.raises(CleanupFailedError):
        take_down(deployment, **world.tools)
    world.provider = opened(process.start(tmp_path / "state", speed=500.0))
    try:
        assert take_down(deployment, **world.tools).state is DeploymentState.GONE
    finally:
        process.stop(tmp_path / "state")
        world.store.close()


def test_settings_open_the_same_adapter_for_both(rig):
    settings = read_settings({"HOME": "/nonexistent"})
    with pytest.raises(MissingKeyError, match="API key") as caught:
        open_provider("vast", settings)
    assert "--provider emulator" in caught.value.hint
    with pytest.raises(UsageError):
        open_provider("nobody", settings)
    address = EmulatorAddress(url=rig.url, api_key=rig.vast_key, clock=rig.clock)
    keyed = read_settings({"HOME": "/nonexistent", "VAST_API_KEY": "k", "VAST_URL": rig.url})
    assert type(open_provider("emulator", settings, emulator=address)) is type(open_provider("vast", keyed))


def test_how_far_a_silent_download_came_is_told_by_the_disk(world):
    told = []
    world.up(on_progress=told.append)
    grown = [float(each.detail.split()[0]) for each in told if each.detail.endswith("GB on its disk")]
    assert len(set(grown)) > 3
    assert grown == sorted(grown)
