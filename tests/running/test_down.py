"""Every end is asked for, read back, and believed only then."""

from decimal import Decimal

import pytest

from cloudgpu.base.errors import CleanupFailedError, ConflictError, NotAuthorisedError
from cloudgpu.running.deployment import DeploymentState
from cloudgpu.running.store import Store


def test_down_destroys_and_proves_it_and_reads_the_bill(desk):
    gone = desk.down(desk.up())
    assert gone.state is DeploymentState.GONE
    assert desk.provider.billing() == []
    assert desk.kinds()[-3:] == ["destroy_requested", "gone", "charged"]


def test_down_of_what_is_gone_does_nothing(desk):
    gone = desk.down(desk.up())
    desk.down(gone)
    assert len(desk.provider.destroys) == 1


def test_the_last_instance_of_an_account_leaves_an_empty_listing_and_counts_as_gone(desk):
    assert desk.down(desk.up()).state is DeploymentState.GONE
    assert desk.provider.instances() == []


def test_a_destroy_that_is_ignored_ends_in_cleanup_failed_with_the_console_link(desk):
    deployment = desk.up()
    desk.provider.deaf_to_destroy = True
    with pytest.raises(CleanupFailedError) as caught:
        desk.down(deployment)
    assert caught.value.exit_status == 6
    assert "console.example/instances/1000" in caught.value.hint
    assert desk.store.deployment("mistral").state is DeploymentState.CLEANUP_FAILED
    assert len(desk.provider.destroys) > 3


def test_down_can_be_tried_again_after_it_failed(desk):
    deployment = desk.up()
    desk.provider.deaf_to_destroy = True
    with pytest.raises(CleanupFailedError):
        desk.down(deployment)
    desk.provider.deaf_to_destroy = False
    assert desk.down(deployment).state is DeploymentState.GONE


def test_an_empty_listing_is_not_believed_while_a_read_of_its_own_shows_the_instance(desk):
    deployment = desk.up()
    desk.provider.deaf_to_destroy = True
    desk.provider.lists_nothing = True
    with pytest.raises(CleanupFailedError):
        desk.down(deployment)


def test_an_empty_listing_is_not_believed_while_another_deployment_is_alive(desk):
    first, second = desk.up("mistral"), desk.up("qwen-14b")
    desk.provider.lists_nothing = True
    with pytest.raises(CleanupFailedError, match="qwen-14b is alive"):
        desk.down(first)
    desk.provider.lists_nothing = False
    assert desk.down(first).state is DeploymentState.GONE
    assert desk.provider.billing() == [second.instance_id]


def test_the_key_of_another_account_proves_nothing(desk):
    deployment = desk.up()
    desk.provider.account_id = "account-2"
    desk.provider.machines.clear()
    with pytest.raises(CleanupFailedError, match="another account"):
        desk.down(deployment)


def test_a_destroy_whose_answer_is_lost_is_read_back_all_the_same(desk, faults):
    deployment = desk.up()
    desk.provider.faults["destroy"] = [faults.unreachable]
    assert desk.down(deployment).state is DeploymentState.GONE


def test_ctrl_c_during_down_says_what_may_still_bill(desk):
    deployment = desk.up()

    def interrupt(called):
        if called == "instances":
            raise KeyboardInterrupt

    desk.provider.hook = interrupt
    with pytest.raises(CleanupFailedError, match="before its end was confirmed"):
        desk.down(deployment)
    desk.provider.hook = None
    assert desk.down(deployment).state is DeploymentState.GONE


def test_a_bill_that_cannot_be_read_does_not_undo_the_end(desk, faults):
    deployment = desk.up()
    desk.provider.faults["bill"] = [faults.unreadable]
    assert desk.down(deployment).state is DeploymentState.GONE


def test_status_does_not_take_an_instance_for_gone_because_the_listing_is_empty(desk):
    deployment = desk.up()
    desk.provider.machines["1000"].destroyed = True
    for _ in range(5):
        desk.wait(600)
        deployment = desk.refresh(deployment)
    assert deployment.state is DeploymentState.READY
    assert "not taken for gone" in deployment.last_error
    assert desk.down(deployment).state is DeploymentState.GONE


def test_what_was_removed_outside_is_gone_after_two_listings_apart_that_show_others(desk):
    first, second = desk.up("mistral"), desk.up("qwen-14b")
    desk.provider.machines[first.instance_id].destroyed = True
    first = desk.refresh(first)
    assert first.state is DeploymentState.READY
    desk.wait(10)
    assert desk.refresh(first).state is DeploymentState.READY
    desk.wait(60)
    assert desk.refresh(first).state is DeploymentState.GONE
    assert desk.refresh(second).state is DeploymentState.READY


def test_an_instance_that_reappears_is_no_longer_missing(desk):
    first, _ = desk.up("mistral"), desk.up("qwen-14b")
    machine = desk.provider.machines[first.instance_id]
    machine.destroyed = True
    assert desk.refresh(first).missing_since
    machine.destroyed = False
    assert desk.refresh(first).missing_since is None


def test_status_with_a_key_of_another_account_is_an_error(desk):
    deployment = desk.up()
    desk.provider.account_id = "account-2"
    desk.provider.machines.clear()
    with pytest.raises(NotAuthorisedError, match="another account"):
        desk.refresh(deployment)


def test_status_notices_a_price_that_rose(desk):
    deployment = desk.up()
    desk.provider.surcharge = Decimal("0.25")
    assert desk.refresh(deployment).gpu_usd_per_hour == deployment.gpu_usd_per_hour + Decimal("0.25")
    assert desk.kinds()[-1] == "observed"


def test_a_second_look_at_the_same_thing_records_nothing(desk):
    deployment = desk.refresh(desk.up())
    before = desk.kinds()
    desk.refresh(deployment)
    assert desk.kinds() == before


def test_a_deployment_that_another_process_works_on_is_left_alone(desk):
    deployment = desk.up()
    with desk.store.lock("deployment:mistral", "up mistral"):
        other = Store(f"sqlite:///{desk.path / 'cloudgpu.db'}")
        desk.store, held = other, desk.store
        desk.provider.faults["instances"] = [AssertionError("nobody may look")]
        assert desk.refresh(deployment) == deployment
        with pytest.raises(ConflictError, match="up mistral"):
            desk.down(deployment)
        desk.store = held
        other.close()
