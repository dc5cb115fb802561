"""What was agreed before money is spent holds to the end: the price, the hardware, and that nothing is left unsaid."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cloudgpu.base.errors import (
    CleanupFailedError,
    ConflictError,
    DeadlineError,
    InstanceFailedError,
    OfferGoneError,
    StoppedByUserError,
    StoreError,
)
from cloudgpu.running.deployment import DeploymentState, Limits


class Killed(BaseException):
    """The process is gone: its handlers do not run either."""


def killed_up(desk, method="instances", **more):
    """An `up` that is killed at its first call of this method."""
    dead = []

    def kill(called, *_):
        if dead or called == method:
            dead.append(called)
            raise Killed

    def saved(deployment):
        kill("save")
        real(deployment)

    real, desk.provider.hook, desk.store.save_deployment = desk.store.save_deployment, kill, saved
    with pytest.raises(Killed):
        desk.up(**more)
    desk.provider.hook, desk.store.save_deployment = None, real
    desk.store.unlock("deployment:mistral")


def test_the_slack_is_granted_once_from_the_price_that_was_shown(desk, with_offer_price):
    request = desk.request()
    shown = request.rentals[0].usd_per_hour
    for number, listed in desk.provider.offers.items():
        desk.provider.offers[number] = with_offer_price(listed, listed.gpu_usd_per_hour * Decimal("1.049"))
    desk.provider.surcharge = Decimal("0.014")
    with pytest.raises(InstanceFailedError, match="above the agreed"):
        desk.up()
    assert desk.provider.billing() == []
    first = next(life for life in desk.store.deployments(include_gone=True) if life.offer_id == "1")
    assert first.agreed_usd_per_hour == shown * Decimal("1.05")


def test_what_is_agreed_to_holds_for_whatever_is_fallen_back_to(desk, make_offer):
    prices = ("0.30", "0.32", "0.31", "0.33", "0.60")
    request = desk.request(offers=[make_offer(number, usd) for number, usd in enumerate(prices, 1)])
    assert request.most_usd_per_hour == max(each.usd_per_hour for each in request.rentals[:3]) * Decimal("1.05")
    assert [each.offer.offer_id for each in request.within_agreement] == ["1", "2", "3", "4"]
    assert max(request.cap(each) for each in request.within_agreement) == request.most_usd_per_hour


def test_another_kind_of_card_to_fall_back_to_is_part_of_what_is_agreed_to(desk, make_offer):
    offers = [make_offer(number, "0.30") for number in range(1, 6)]
    other = replace(make_offer(6, "0.50"), gpu="RTX 5090")
    request = desk.request(offers=[*offers, other, replace(other, offer_id="7", gpu_usd_per_hour=Decimal("0.90"))])
    assert request.most_usd_per_hour == request.rentals[5].usd_per_hour * Decimal("1.05")
    assert "7" not in [each.offer.offer_id for each in request.within_agreement]


def test_what_is_dearer_than_agreed_is_not_rented_when_all_else_is_gone(desk, make_offer):
    offers = [make_offer(number, usd) for number, usd in enumerate(("0.30", "0.31", "0.32", "0.60"), 1)]
    desk.provider.offers = {"4": offers[3]}
    with pytest.raises(OfferGoneError) as refused:
        desk.up(offers=offers)
    assert refused.value.hint.startswith("1 more cost above the agreed $0.3465 per hour")
    assert desk.provider.creates == []


def test_one_price_that_was_given_holds_for_all(desk):
    request = desk.request(limits=Limits(max_usd_per_hour=Decimal("0.40")))
    assert request.most_usd_per_hour == Decimal("0.40")
    assert {request.cap(each) for each in request.rentals} == {Decimal("0.40")}


def test_up_after_a_kill_holds_to_the_price_that_was_agreed_before_it(desk):
    killed_up(desk)
    agreed = desk.store.deployment("mistral").agreed_usd_per_hour
    desk.provider.surcharge = Decimal("5.00")
    with pytest.raises(InstanceFailedError, match="above the agreed"):
        desk.up()
    assert desk.provider.billing() == []
    assert agreed == desk.request().limits.cap(desk.request().rentals[0])


@pytest.mark.parametrize(("surcharge", "kept"), [("0.005", True), ("0.02", False)])
def test_up_after_a_kill_keeps_what_costs_no_more_than_agreed(desk, surcharge, kept):
    killed_up(desk)
    desk.provider.surcharge = Decimal(surcharge)
    if kept:
        assert desk.up().state is DeploymentState.READY
    else:
        with pytest.raises(InstanceFailedError):
            desk.up()


def test_status_after_a_kill_does_not_move_what_was_agreed(desk):
    killed_up(desk)
    desk.provider.surcharge = Decimal("5.00")
    seen = desk.refresh(desk.store.deployment("mistral"))
    assert seen.usd_per_hour > Decimal(5)
    with pytest.raises(InstanceFailedError, match="above the agreed"):
        desk.up()


def test_a_price_agreed_anew_counts_for_what_an_earlier_run_left(desk):
    killed_up(desk)
    desk.provider.surcharge = Decimal("5.00")
    assert desk.up(limits=Limits(max_usd_per_hour=Decimal(6))).state is DeploymentState.READY


def test_up_for_other_cards_does_not_take_what_an_interrupted_run_rented(desk):
    killed_up(desk)
    wished = desk.request()
    other = tuple(replace(r, offer=replace(r.offer, gpu="H100", gpu_count=8)) for r in wished.rentals)
    desk.request = lambda *args, **more: replace(wished, rentals=other)
    with pytest.raises(ConflictError, match="would not rent that") as caught:
        desk.up()
    assert "cloudgpu down mistral" in caught.value.hint
    assert len(desk.provider.creates) == 1


def test_up_with_another_launch_does_not_take_what_an_interrupted_run_started(desk):
    killed_up(desk)
    wished = desk.request()
    longer = tuple(replace(r, launch=replace(r.launch, args=("--max-model-len", "32768"))) for r in wished.rentals)
    desk.request = lambda *args, **more: replace(wished, rentals=longer)
    with pytest.raises(ConflictError, match="would not rent that"):
        desk.up()


def test_the_same_words_again_go_on_though_the_market_has_other_cards_by_now(desk):
    wished = replace(desk.request(), wish="the same words")
    desk.request = lambda *args, **more: wished
    killed_up(desk)
    other = tuple(replace(r, offer=replace(r.offer, gpu="H100", gpu_count=8)) for r in wished.rentals)
    desk.request = lambda *args, **more: replace(wished, rentals=other)
    assert desk.up().state is DeploymentState.READY
    assert len(desk.provider.creates) == 1


def test_going_on_with_an_interrupted_run_is_said(desk):
    killed_up(desk)
    desk.up()
    assert "going on" in [told.phase for told in desk.progress]


@pytest.mark.parametrize("lost", [False, True])
def test_ctrl_c_while_an_interrupted_run_is_picked_up_says_what_may_bill(desk, faults, lost):
    desk.provider.faults["create"] = [faults.happened_all_the_same] if lost else []
    killed_up(desk)
    desk.provider.faults["instances"] = [KeyboardInterrupt()]
    with pytest.raises(CleanupFailedError, match="may still bill") as caught:
        desk.up()
    assert caught.value.exit_status == 6
    assert len(desk.provider.billing()) == 1


def test_ctrl_c_before_a_name_in_use_is_refused_removes_nothing(desk):
    deployment = desk.up()
    desk.provider.faults["instances"] = [KeyboardInterrupt()]
    with pytest.raises(StoppedByUserError, match="nothing was rented or removed"):
        desk.up()
    assert desk.provider.billing() == [deployment.instance_id]


@pytest.mark.parametrize("everything", [False, True])
def test_a_journal_that_fails_after_the_create_is_said_with_the_instance(desk, everything):
    save = desk.store.save_deployment

    def failing(deployment):
        if deployment.instance_id:
            if everything:
                desk.store.life = no_journal
                desk.store.append = no_journal
            raise StoreError("disk full")
        save(deployment)

    def no_journal(*_):
        raise StoreError("disk full")

    desk.store.save_deployment = failing
    with pytest.raises(CleanupFailedError, match="disk full") as caught:
        desk.up()
    assert caught.value.instance_id == "1000"
    assert "console.example/instances/1000" in caught.value.hint
    assert desk.provider.destroys == ["1000"]


def test_a_journal_that_fails_before_the_create_rents_nothing_and_is_no_unproved_end(desk):
    save = desk.store.save_deployment

    def failing(deployment):
        if deployment.state is not DeploymentState.INTENDED:
            raise StoreError("disk full")
        save(deployment)

    desk.store.save_deployment = failing
    with pytest.raises(StoreError):
        desk.up()
    assert desk.provider.creates == []


@pytest.mark.parametrize("hours", [-12, 12])
def test_a_wait_ends_at_its_seconds_whatever_the_time_is_set_to_meanwhile(desk, hours):
    desk.answers_after_s = 1e9
    looks = []

    def hook(called):
        looks.append(called)
        if called == "instances" and looks.count("instances") == 3:
            desk.set_time(hours * 3600)

    desk.provider.hook = hook
    desk.prober = lambda *_: type("Health", (), {"ready": False})()
    began_s = desk.clock.elapsed()
    with pytest.raises(DeadlineError):
        desk.up(limits=Limits(max_attempts=1, max_wait_s=900))
    assert 900 <= desk.clock.elapsed() - began_s < 960


def test_a_wait_that_is_picked_up_after_the_time_was_set_back_ends_in_its_own_seconds(desk):
    killed_up(desk)
    desk.set_time(-12 * 3600)
    desk.prober = lambda *_: type("Health", (), {"ready": False})()
    began_s = desk.clock.elapsed()
    with pytest.raises(DeadlineError):
        desk.up(limits=Limits(max_attempts=1, max_wait_s=900))
    assert desk.clock.elapsed() - began_s < 960
    assert desk.provider.billing() == []
