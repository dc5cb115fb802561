"""What is lost sight of, and shown again, is told once: the ledger states its doubt by it."""

import pytest

from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import NotAuthorisedError, RefusedKeyError
from cloudgpu.running.deployment import DeploymentState


def told(desk):
    return [event for event in desk.store.events("mistral") if event.kind == "out_of_sight"]


def test_the_last_instance_of_an_account_that_vanishes_is_told_once_with_when_it_was_last_shown(desk):
    up = desk.up()
    last = desk.store.life(up.token).seen_at
    desk.provider.machines[up.instance_id].destroyed = True
    for _ in range(3):
        desk.wait(3600)
        after = desk.refresh(up)
    (lost,) = told(desk)
    assert after.state is DeploymentState.READY
    assert after.out_of_sight
    assert lost.data["unchanged_until"] == utc_text(last)
    assert "not taken for gone" in lost.data["reason"]


def test_what_nobody_can_be_asked_about_is_out_of_sight_too_and_told_when_it_is_shown_again(desk, faults):
    up = desk.up()
    last = desk.store.life(up.token).seen_at
    desk.provider.faults["instances"] = [faults.unreachable, faults.unreadable]
    for _ in range(3):
        desk.wait(600)
        after = desk.refresh(up)
    assert not after.out_of_sight
    assert desk.kinds()[-2:] == ["out_of_sight", "observed"]
    again = desk.store.events("mistral")[-1]
    assert again.data["unchanged_until"] == utc_text(last)


def test_a_refused_key_leaves_out_of_sight_what_bills_and_is_told_once(desk):
    up = desk.up()
    last = desk.store.life(up.token).seen_at
    desk.provider.faults["instances"] = [RefusedKeyError("the key is refused")] * 2
    for _ in range(2):
        desk.wait(600)
        with pytest.raises(RefusedKeyError):
            desk.refresh(up)
    (lost,) = told(desk)
    assert lost.data == {"reason": "the key is refused", "unchanged_until": utc_text(last)}
    assert desk.store.life(up.token).state is DeploymentState.READY
    assert not desk.refresh(up).out_of_sight


def test_another_accounts_listing_leaves_out_of_sight_what_was_rented_with_ours(desk):
    up = desk.up()
    desk.provider.machines.clear()
    desk.provider.account_id = "account-2"
    with pytest.raises(NotAuthorisedError, match="another account"):
        desk.refresh(up)
    (lost,) = told(desk)
    assert "another account" in lost.data["reason"]
    assert desk.store.life(up.token).state is DeploymentState.READY


def test_an_end_that_goes_well_tells_of_no_lost_sight(desk):
    desk.down(desk.up())
    assert told(desk) == []


def test_an_accepted_end_that_cannot_be_read_back_is_in_doubt_since_the_request(desk, faults):
    up = desk.up()
    desk.provider.faults["instances"] = [faults.unreachable]
    desk.down(up)
    (lost,) = told(desk)
    assert "unchanged_until" not in lost.data
    assert desk.kinds()[-2:] == ["gone", "charged"]
