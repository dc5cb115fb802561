"""Interruptible instances: a bid can lose the GPU and win it back; and what a host proposes is only a proposal."""

from decimal import Decimal

import pytest

LONG_S = 24 * 3600


def bid(emulator, instance_id, price):
    path = f"/api/v0/instances/bid_price/{instance_id}/"
    return emulator.call("PUT", path, {"client_id": "me", "price": price})


@pytest.fixture
def running(emulator):
    """An interruptible instance that runs, and its offer."""
    offer = emulator.offer(type="bid")
    instance_id = emulator.rent(offer, price=float(offer["min_bid"]) * 1.2, cancel_unavail=False)
    emulator.pass_time(LONG_S)
    return instance_id, offer


def test_an_outbid_instance_stops_without_a_word_and_keeps_its_disk(emulator, running):
    instance_id, _ = running
    emulator.fault("instance", "outbid", instance_id=instance_id)
    row = emulator.show(instance_id)
    assert (row["is_bid"], row["actual_status"], row["intended_status"]) == (True, "exited", "stopped")
    assert row["status_msg"] == "success, running"
    assert row["instance"]["totalHour"] == row["instance"]["diskHour"] > 0


def test_a_higher_bid_wins_it_back(emulator, running):
    instance_id, offer = running
    emulator.fault("instance", "outbid", instance_id=instance_id)
    assert bid(emulator, instance_id, float(offer["min_bid"]) * 1.5).json()["success"]
    emulator.pass_time(600)
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["dph_base"]) == ("running", Decimal(str(float(offer["min_bid"]) * 1.5)))


def test_the_winning_bid_is_asked_for_with_null(emulator, running):
    instance_id, _ = running
    emulator.fault("instance", "outbid", instance_id=instance_id)
    bid(emulator, instance_id, None)
    emulator.pass_time(600)
    assert emulator.show(instance_id)["actual_status"] == "running"


def test_a_bid_below_the_least_loses_the_gpu(emulator, running):
    instance_id, offer = running
    bid(emulator, instance_id, float(offer["min_bid"]) * 0.5)
    assert emulator.show(instance_id)["intended_status"] == "stopped"


def test_it_resumes_by_itself_when_it_wins_again(emulator, running):
    instance_id, _ = running
    emulator.fault("instance", "outbid", instance_id=instance_id, for_s=1800)
    emulator.pass_time(1799)
    assert emulator.show(instance_id)["intended_status"] == "stopped"
    emulator.pass_time(600)
    assert emulator.show(instance_id)["actual_status"] == "running"


def test_an_on_demand_instance_has_no_bid(emulator):
    instance_id = emulator.rent()
    assert bid(emulator, instance_id, 1.0).status_code == 400
    assert bid(emulator, 1, 1.0).status_code == 404


def test_a_bid_outside_the_bounds_is_refused(emulator, running):
    assert bid(emulator, running[0], 0.0001).json()["error"] == "invalid_price"
    assert bid(emulator, running[0], 33).json()["error"] == "invalid_price"


def pending(emulator):
    return emulator.call("GET", "/api/v0/instances/pending-price-increases/").json(parse_float=Decimal)


def answer(emulator, how, **body):
    return emulator.call("PUT", f"/api/v0/instances/{how}-price-increase/", body)


def test_an_accepted_price_begins_when_the_contract_would_have_ended(rig, emulator):
    rig.set_credit("vast", Decimal(10**9))
    instance_id = emulator.rent(label="mine")
    shown = emulator.show(instance_id)
    before, ends = shown["dph_base"], shown["end_date"]
    emulator.fault("instance", "price_proposal", label="mine", factor="1.5")
    row = pending(emulator)["pending_price_increases"][0]
    assert row["contract_id"] == instance_id
    assert row["new_gpu_costpersec"] / row["old_gpu_costpersec"] == pytest.approx(Decimal("1.5"))
    assert emulator.show(instance_id)["dph_base"] == before
    emulator.pass_time(1)
    assert answer(emulator, "accept", pending_price_increase_id=row["pending_price_increase_id"]).json()["success"]
    assert pending(emulator)["count"] == 0
    assert emulator.show(instance_id)["dph_base"] == before
    assert emulator.show(instance_id)["end_date"] == row["ask_end_date"] > ends
    emulator.pass_time(float(ends) - emulator.clock.now().timestamp() + 1)
    after = emulator.show(instance_id)
    assert (after["dph_base"], after["actual_status"]) == (before * Decimal("1.5"), "running")


def test_a_proposal_can_be_turned_down_once(emulator):
    instance_id = emulator.rent(label="mine")
    before = emulator.show(instance_id)["dph_base"]
    emulator.fault("instance", "price_proposal", label="mine")
    number = pending(emulator)["pending_price_increases"][0]["pending_price_increase_id"]
    assert answer(emulator, "reject", pending_price_increase_id=number).json()["contract_id"] == instance_id
    again = answer(emulator, "reject", pending_price_increase_id=number)
    assert (again.status_code, again.json()["error"]) == (404, "no_pending_price_increase")
    assert emulator.show(instance_id)["dph_base"] == before


def test_an_answer_to_a_proposal_is_taken_with_its_id_alone(emulator):
    assert answer(emulator, "accept", pending_price_increase_id=1, instance_id=2).status_code == 400
