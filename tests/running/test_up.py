"""From an agreed list of offers to a healthy deployment, or to nothing that bills."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cloudgpu.base.errors import (
    CleanupFailedError,
    ConflictError,
    CreateRefusedError,
    DeadlineError,
    InstanceFailedError,
    NoCreditError,
    OfferGoneError,
    RefusedKeyError,
    StoppedByUserError,
)
from cloudgpu.running.deployment import DeploymentState, Limits
from cloudgpu.running.deployment.coming_back import ready_when_it_answers
from cloudgpu.running.deployment.create import intend
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.providers.base import InstanceState


def test_a_deployment_is_ready_once_it_answered_and_its_events_tell_the_story(desk):
    deployment = desk.up()
    assert deployment.state is DeploymentState.READY
    assert deployment.endpoint == "http://203.0.113.7:41000"
    assert desk.kinds() == ["intended", "created", "observed", "observed", "ready"]
    assert desk.provider.billing() == [deployment.instance_id]


def test_the_intent_is_on_disk_before_the_create_is_sent(desk):
    seen = []
    desk.provider.hook = lambda method: seen.append((method, [d.state.value for d in desk.store.deployments()]))
    desk.up()
    assert ("create", ["creating"]) in seen


def test_a_create_whose_answer_is_lost_is_found_by_its_token_and_never_sent_again(desk, faults):
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    deployment = desk.up()
    assert deployment.state is DeploymentState.READY
    assert len(desk.provider.creates) == 1
    assert "uncertain" in desk.kinds()
    assert desk.provider.billing() == [deployment.instance_id]


def test_an_instance_that_shows_up_late_is_still_adopted(desk, faults):
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    desk.provider.visible_after_s = 90
    deployment = desk.up()
    assert len(desk.provider.creates) == 1
    assert desk.provider.billing() == [deployment.instance_id]


def test_another_create_goes_out_only_after_two_listings_apart_in_time_lack_the_first(desk, faults):
    desk.provider.faults["create"] = [faults.unreachable]
    looks = []
    desk.provider.hook = lambda m: looks.append((m, desk.clock.now()))
    deployment = desk.up()
    creates = [at for method, at in looks if method == "create"]
    listings = [at for method, at in looks if method == "instances" and creates[0] <= at <= creates[1]]
    assert len(desk.provider.creates) == 2
    assert len(listings) >= 2
    assert (listings[-1] - creates[0]).total_seconds() >= 120
    assert (listings[-1] - listings[0]).total_seconds() >= 45
    assert desk.provider.billing() == [deployment.instance_id]


def test_no_second_create_while_nobody_can_say_what_became_of_the_first(desk, faults):
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    desk.provider.faults["instances"] = [faults.unreadable] * 1000
    with pytest.raises(CleanupFailedError) as caught:
        desk.up()
    assert len(desk.provider.creates) == 1
    assert "console.example" in caught.value.hint
    assert desk.store.deployment("mistral").state is DeploymentState.UNCERTAIN


def test_an_offer_that_is_gone_costs_no_attempt_and_the_next_is_taken(desk):
    for number in ("1", "2", "3", "4"):
        del desk.provider.offers[number]
    assert desk.up(limits=Limits(max_attempts=1, max_usd_per_hour=Decimal("0.50"))).offer_id == "5"


def test_the_live_price_is_read_just_before_the_create_and_a_dearer_offer_is_left_alone(desk, make_offer):
    desk.provider.offers["1"] = make_offer(1, "0.99")
    deployment = desk.up()
    assert deployment.offer_id == "2"


def test_an_instance_dearer_than_agreed_is_torn_down_and_said(desk):
    desk.provider.surcharge = Decimal("0.50")
    with pytest.raises(InstanceFailedError, match="above the agreed"):
        desk.up(limits=Limits(max_attempts=2))
    assert desk.provider.billing() == []
    assert len(desk.provider.creates) == 2


def test_every_failed_offer_is_named_with_its_reason(desk):
    desk.provider.log = "INFO x\nRuntimeError: CUDA out of memory. Tried to allocate 2 GiB"
    with pytest.raises(InstanceFailedError) as caught:
        desk.up(limits=Limits(max_attempts=2))
    assert caught.value.message.count("CUDA out of memory") == 2
    assert "offer 1" in caught.value.message
    assert "offer 2" in caught.value.message
    assert "larger card" in caught.value.hint
    assert desk.provider.billing() == []


def test_a_machine_that_failed_is_not_tried_again_in_another_slice(desk, make_offer):
    desk.provider.log = "No space left on device"
    slices = [make_offer(1, machine="same"), make_offer(2, machine="same"), make_offer(3, machine="other")]
    desk.provider.offers = {o.offer_id: o for o in slices}
    with pytest.raises(InstanceFailedError):
        desk.up(offers=slices)
    assert [m.offer.offer_id for m in desk.provider.machines.values()] == ["1", "3"]


@pytest.mark.parametrize(
    ("log", "limits", "blamed"),
    [
        ("RuntimeError: CUDA error: unspecified launch failure", Limits(max_attempts=2), ["m1", "m2"]),
        ("RuntimeError: CUDA out of memory", Limits(max_attempts=2), []),
        ("", Limits(max_attempts=2), ["m1", "m2"]),
        ("", Limits(max_attempts=2, max_wait_s=600), []),
    ],
)
def test_a_machine_is_blamed_for_its_own_failure_and_not_for_the_models_or_an_impatient_user(
    desk, make_offer, log, limits, blamed
):
    desk.provider.log, desk.answers_after_s = log, 1e9
    offers = [make_offer(1, machine="m1"), make_offer(2, machine="m2")]
    desk.provider.offers = {offer.offer_id: offer for offer in offers}
    with pytest.raises((InstanceFailedError, DeadlineError)):
        desk.up(offers=offers, limits=limits)
    assert [told.bad_machine for told in desk.progress if told.bad_machine] == blamed


def test_a_wait_ends_at_its_seconds(desk):
    desk.answers_after_s = 1e9
    with pytest.raises(DeadlineError, match="10 minutes"):
        desk.up(limits=Limits(max_attempts=1, max_wait_s=600))
    assert desk.provider.billing() == []


def test_a_wait_ends_at_its_dollars_counted_over_all_attempts(desk):
    desk.answers_after_s = 1e9
    with pytest.raises(DeadlineError, match=r"\$0\.50 were spent"):
        desk.up(limits=Limits(max_attempts=3, max_spend_usd=Decimal("0.50"), max_wait_s=900))
    assert desk.provider.billing() == []
    assert len(desk.provider.machines) == 2


def test_a_refused_create_with_an_id_is_destroyed_before_the_next_is_tried(desk):
    desk.provider.faults["create"] = []
    original = desk.provider.create

    def refusing(offer, launch, label):
        number = original(offer, launch, label)
        if len(desk.provider.machines) == 1:
            raise CreateRefusedError("bid too low", instance_id=number)
        return number

    desk.provider.create = refusing
    deployment = desk.up()
    assert desk.provider.destroys == ["1000"]
    assert desk.provider.billing() == [deployment.instance_id]


@pytest.mark.parametrize("error", [NoCreditError("no credit"), RefusedKeyError("bad key")])
def test_without_credit_or_key_no_other_offer_is_tried(desk, error):
    desk.provider.faults["create"] = [error]
    with pytest.raises(type(error)):
        desk.up()
    assert len(desk.provider.creates) == 1
    assert desk.store.deployment("mistral").state is DeploymentState.ABANDONED


def test_when_every_offer_is_gone_it_says_so(desk):
    desk.provider.offers.clear()
    with pytest.raises(OfferGoneError, match="nothing is left that bills"):
        desk.up()
    assert desk.provider.creates == []


def test_a_name_in_use_is_refused_before_anything_is_asked(desk):
    desk.up()
    with pytest.raises(ConflictError, match="serves already"):
        desk.up()
    assert len(desk.provider.creates) == 1


@pytest.mark.parametrize("method", ["offer", "account", "create", "instances"])
def test_ctrl_c_leaves_nothing_that_bills(desk, method):
    calls = {"left": 1}

    def interrupt(called):
        if called == method and calls["left"]:
            calls["left"] = 0
            raise KeyboardInterrupt

    desk.provider.hook = interrupt
    with pytest.raises((StoppedByUserError, KeyboardInterrupt)):
        desk.up()
    assert desk.provider.billing() == []
    assert all(d.state.is_final for d in desk.store.deployments(include_gone=True))


@pytest.mark.parametrize("write", ["append", "save_deployment"])
def test_a_ctrl_c_as_the_create_is_answered_loses_no_id_even_when_every_list_is_empty(desk, monkeypatch, write):
    """Only the id can show it then: two empty lists, apart in time, would pass for a proof that nothing was rented."""
    plain, struck = getattr(desk.store, write), []

    def interrupted(what):
        if not struck and desk.provider.machines:
            struck.append(what)
            raise KeyboardInterrupt
        return plain(what)

    monkeypatch.setattr(desk.store, write, interrupted)
    monkeypatch.setattr(desk.provider, "instances", list)
    with pytest.raises((StoppedByUserError, CleanupFailedError)):
        desk.up()
    (machine,) = desk.provider.machines.values()
    assert struck
    assert desk.store.deployments(include_gone=True)[0].instance_id == machine.instance_id
    assert machine.destroyed


def test_a_second_ctrl_c_is_an_unconfirmed_end_and_says_so(desk):
    def interrupt(called):
        if called in ("logs", "destroy"):
            raise KeyboardInterrupt

    desk.provider.hook = interrupt
    with pytest.raises(CleanupFailedError) as caught:
        desk.up()
    assert caught.value.instance_id == "1000"
    assert "console.example/instances/1000" in caught.value.hint


def test_a_host_that_stops_the_instance_ends_the_attempt(desk):
    def stop(called):
        for machine in desk.provider.machines.values():
            machine.state = InstanceState.STOPPED if machine.instance_id == "1000" else None

    desk.provider.hook = stop
    deployment = desk.up()
    assert desk.provider.billing() == [deployment.instance_id]
    assert deployment.offer_id == "2"


def test_a_provider_that_falls_silent_while_it_bills_ends_with_cleanup_failed(desk, faults):
    def fall_silent(called):
        if desk.provider.machines and called in ("instances", "instance", "destroy", "logs", "account"):
            raise faults.unreachable

    desk.provider.hook = fall_silent
    with pytest.raises(CleanupFailedError):
        desk.up()
    assert desk.store.deployment("mistral").state is DeploymentState.CLEANUP_FAILED
    assert desk.kinds()[-1] == "cleanup_failed"


def test_progress_tells_phase_time_and_money(desk):
    desk.up()
    assert list(dict.fromkeys(p.phase for p in desk.progress))[:2] == ["checking price", "starting"]
    assert desk.progress[-1].usd > 0
    assert desk.progress[-1].elapsed_s > 0


def test_what_a_run_can_have_cost_is_told_of_all_its_attempts_also_while_one_is_removed(desk):
    desk.answers_after_s = 1e9
    with pytest.raises(DeadlineError):
        desk.up(limits=Limits(max_wait_s=300.0, max_attempts=3))
    told = [(each.phase, each.usd) for each in desk.progress if each.usd]
    assert [phase for phase, _ in told].count("destroying") == 3
    assert [usd for _, usd in told] == sorted(usd for _, usd in told)


def test_another_provider_is_never_asked_about_what_it_did_not_rent(desk, faults):
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    desk.provider.faults["instances"] = [faults.unreadable] * 1000
    with pytest.raises(CleanupFailedError):
        desk.up()
    desk.provider.faults.clear()
    desk.provider.name = "elsewhere"
    with pytest.raises(ConflictError, match="paper"):
        desk.up()
    with pytest.raises(ConflictError):
        desk.down(desk.store.deployment("mistral"))
    assert desk.store.deployment("mistral").state is DeploymentState.UNCERTAIN


def test_the_intent_of_a_killed_run_is_given_up_without_asking_anybody(desk, faults):
    request = desk.request()
    journal = Journal(**desk.tools)
    intended = intend(journal, request, request.rentals[0], Decimal("0.33"))
    desk.provider.faults["instances"] = [faults.unreachable] * 1000
    assert desk.down(intended).state is DeploymentState.ABANDONED


def test_a_destroy_left_half_done_is_finished_before_the_name_is_given_again(desk):
    first = desk.up()
    desk.provider.deaf_to_destroy = True
    with pytest.raises(CleanupFailedError):
        desk.down(first)
    with pytest.raises(CleanupFailedError):
        desk.up()
    assert len(desk.provider.creates) == 1
    desk.provider.deaf_to_destroy = False
    second = desk.up()
    assert desk.provider.billing() == [second.instance_id]


def test_a_provider_that_cannot_always_tell_its_account_is_still_the_same_one(desk, faults):
    desk.provider.account_id = "key-1"
    desk.provider.faults["create"] = [faults.unreachable]
    account, calls = desk.provider.account, []

    def told_later():
        calls.append(account())
        return calls[-1] if len(calls) == 1 else "user-1/key-1"

    desk.provider.account = told_later
    assert desk.up().state.value == "ready"


def test_where_the_card_was_to_blame_another_card_comes_first(desk, make_offer):
    desk.provider.log = "RuntimeError: CUDA out of memory"
    offers = [make_offer(n, f"0.{29 + n}") for n in range(1, 4)]
    offers[2] = replace(offers[2], gpu="L40S", gpu_memory_mib=46068)
    desk.provider.offers = {each.offer_id: each for each in offers}
    with pytest.raises(InstanceFailedError):
        desk.up(limits=Limits(max_attempts=3), offers=offers)
    assert [machine.offer.offer_id for machine in desk.provider.machines.values()] == ["1", "3", "2"]


def test_where_no_machine_would_do_no_other_is_tried(desk):
    desk.provider.log = "OSError: You are trying to access a gated repo: Cannot access gated repo"
    with pytest.raises(InstanceFailedError, match="gated") as failed:
        desk.up(limits=Limits(max_attempts=3))
    assert "HF_TOKEN" in failed.value.hint
    assert len(desk.provider.creates) == 1
    assert desk.provider.billing() == []


def test_what_failed_elsewhere_counts_and_is_told_beside_what_failed_here(desk):
    desk.provider.log = "CUDA error: unspecified launch failure"
    failures = []
    with pytest.raises(InstanceFailedError):
        desk.up(limits=Limits(max_attempts=1), failures=failures)
    desk.provider.name, desk.provider.log = "elsewhere", "No space left on device"
    with pytest.raises(InstanceFailedError, match=r"paper: 1x .*; \(2\) elsewhere: 1x"):
        desk.up(limits=Limits(max_attempts=2), failures=failures)
    assert [failure.provider for failure in failures] == ["paper", "elsewhere"]
    assert desk.provider.billing() == []


def test_a_bid_that_is_outbid_is_no_fault_of_its_machine(desk):
    def outbid(called):
        for machine in desk.provider.machines.values():
            machine.state = InstanceState.OUTBID if machine.instance_id == "1000" else None

    desk.provider.hook = outbid
    deployment = desk.up()
    assert deployment.offer_id == "2"
    assert [told.bad_machine for told in desk.progress if told.phase == "failed"] == [None]


def test_what_serves_and_is_outbid_is_shown_so_and_comes_back(desk):
    deployment = desk.up()
    machine = desk.provider.machines[deployment.instance_id]
    machine.state = InstanceState.OUTBID
    assert desk.refresh(deployment).state is DeploymentState.OUTBID
    machine.state = None
    back = desk.refresh(desk.store.deployment("mistral"))
    assert back.state is DeploymentState.LOADING  # its engine starts anew: running is not ready
    desk.answers_after_s = 1e9
    assert ready_when_it_answers(back, *desk.tools.values(), prober=desk.prober).state is DeploymentState.LOADING
    with pytest.raises(ConflictError, match="is loading again: it served before"):
        desk.up()  # it is not waited for as a new one would be, and so never removed for being late
    desk.answers_after_s = 0.0
    again = ready_when_it_answers(back, *desk.tools.values(), prober=desk.prober)
    assert (again.state, again.ready_at) == (DeploymentState.READY, deployment.ready_at)
    assert desk.refresh(again).state is DeploymentState.READY


def test_what_a_living_up_waits_for_is_left_to_it(desk):
    deployment = desk.up()
    loading = replace(deployment, state=DeploymentState.LOADING, ready_at=None)
    desk.store.save_deployment(loading)
    desk.answers_after_s = 0.0
    with desk.store.lock(lock_name("mistral"), "up mistral"):
        assert ready_when_it_answers(loading, *desk.tools.values(), prober=desk.prober) == loading
    ready = ready_when_it_answers(loading, *desk.tools.values(), prober=desk.prober)
    assert ready.state is DeploymentState.READY


def test_a_download_that_says_nothing_for_far_too_long_is_stuck_and_not_slow(desk):
    desk.provider.log = "INFO Starting to load model org/model..."
    desk.answers_after_s = 1e9
    with pytest.raises(InstanceFailedError, match="download is stuck") as stuck:
        desk.up(limits=Limits(max_attempts=1))
    waited_s = desk.progress[-1].elapsed_s or desk.progress[-2].elapsed_s
    assert waited_s < 1320  # the whole wait for these files
    assert "HF_HUB_DISABLE_XET" in stuck.value.hint


def test_a_download_within_several_times_the_hosts_speed_is_waited_for(desk):
    desk.provider.log = "INFO Starting to load model org/model..."
    desk.answers_after_s = 900.0  # 20 GB at a stated 1000 Mbit/s would take 160 s
    assert desk.up().offer_id == "1"


def test_a_download_is_slow_and_not_stuck_while_the_disk_grows(desk):
    desk.provider.log = "INFO Starting to load model org/model..."
    desk.answers_after_s = 1250.0
    desk.provider.disk_used_gb = lambda: 8 + desk.clock.slept_s / 100
    assert desk.up().offer_id == "1"
    assert any("GB on its disk" in told.detail for told in desk.progress)


def test_a_download_whose_disk_ceases_to_grow_is_stuck_and_the_size_is_told(desk):
    desk.provider.log = "INFO Starting to load model org/model..."
    desk.answers_after_s = 1e9
    desk.provider.disk_used_gb = lambda: min(9.0, 8 + desk.clock.slept_s / 100)
    with pytest.raises(InstanceFailedError, match=r"no growth beyond 9\.0 GB on its disk"):
        desk.up(limits=Limits(max_attempts=1))


def test_a_download_that_shows_progress_is_never_called_stuck(desk):
    desk.answers_after_s = 1250.0

    def go_on(_method):
        desk.provider.log = f"Loading safetensors checkpoint shards: {int(desk.clock.slept_s) % 100}%"

    desk.provider.hook = go_on
    assert desk.up().offer_id == "1"
