"""A listing that shows nothing at all, while a create had no answer: an empty account, or a broken listing?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloudgpu.base.errors import CleanupFailedError, NotAuthorisedError, UnreachableError
from cloudgpu.running.records import DeploymentState


@pytest.fixture
def broken(desk, faults):
    """A provider that took the create, lost its answer, and lists nothing from then on."""
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    desk.provider.lists_nothing = True
    return desk


def test_what_the_bill_names_is_found_and_no_second_create_goes_out(broken):
    deployment = broken.up()
    assert deployment.state is DeploymentState.READY
    assert broken.provider.billing() == [deployment.instance_id]
    assert len(broken.provider.creates) == 1


def test_a_bill_that_names_what_lives_under_another_label_shows_that_the_listing_is_broken(broken):
    stranger = broken.up(name="stranger")
    broken.provider.machines[stranger.instance_id].label = "somebody else's"
    broken.store.save_deployment(replace(stranger, state=DeploymentState.ABANDONED, instance_id=None))
    broken.provider.faults["create"] = [UnreachableError("no answer")]
    with pytest.raises(CleanupFailedError) as told:
        broken.up()
    assert told.value.exit_status == 6
    assert "alive and billed" in told.value.message
    assert len(broken.provider.creates) == 2


@pytest.mark.parametrize("may_read_the_bill", [True, False])
def test_an_empty_account_is_proved_after_six_minutes_and_not_before(desk, faults, may_read_the_bill):
    desk.provider.faults["create"] = [faults.unreachable]
    desk.provider.faults["bill"] = [] if may_read_the_bill else [NotAuthorisedError("no scope for the bill")] * 100
    sent = []
    desk.provider.hook = lambda method: sent.append(desk.clock.now()) if method == "create" else None
    assert desk.up().state is DeploymentState.READY
    assert len(sent) == 2
    assert 360 <= (sent[1] - sent[0]).total_seconds() <= 420


def test_a_bill_that_cannot_be_read_just_now_proves_nothing(desk, faults):
    desk.provider.faults["create"] = [faults.unreachable]
    desk.provider.faults["bill"] = [faults.unreadable] * 1000
    with pytest.raises(CleanupFailedError) as told:
        desk.up()
    assert told.value.exit_status == 6
    assert len(desk.provider.creates) == 1


@pytest.fixture
def vanished(desk):
    """The account's only instance, shown half an hour after its create and ended by hand ten minutes later."""
    deployment = desk.up()
    desk.wait(1800)
    desk.refresh(deployment)
    desk.wait(600)
    machine = desk.provider.machines[deployment.instance_id]
    machine.destroyed, machine.billed_until = True, desk.clock.now()
    return deployment


def looks(desk, deployment, apart_s):
    for pause_s in apart_s:
        desk.wait(pause_s)
        deployment = desk.refresh(deployment)
    return deployment


def test_the_last_instance_of_an_account_is_gone_once_its_bill_has_ended_at_two_looks(desk, vanished):
    assert looks(desk, vanished, (200, 100, 100)).state is DeploymentState.READY
    gone = looks(desk, vanished, (60,))
    assert gone.state is DeploymentState.GONE
    assert "the account's bill" in gone.last_error
    assert desk.kinds()[-2:] == ["gone", "charged"]


def test_a_bill_that_grows_on_keeps_it_alive(desk, vanished):
    machine = desk.provider.machines[vanished.instance_id]
    for _ in range(5):
        assert looks(desk, vanished, (600,)).state is DeploymentState.READY
        machine.billed_until += timedelta(seconds=600)


def test_a_bill_that_is_behind_proves_no_end(desk, vanished):
    machine = desk.provider.machines[vanished.instance_id]
    machine.billed_until -= timedelta(seconds=1800)  # it does not reach the time at which the instance was shown
    assert looks(desk, vanished, (600, 600, 600)).state is DeploymentState.READY


def test_without_a_bill_an_empty_listing_proves_no_end(desk, vanished):
    desk.provider.faults["bill"] = [NotAuthorisedError("no scope for the bill")] * 100
    assert looks(desk, vanished, (600, 600, 600)).state is DeploymentState.READY
