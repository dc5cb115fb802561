"""An end is believed at the first look only of what was shown once and whose destroy was accepted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloudgpu.base.errors import CleanupFailedError, ConflictError, CreateRefusedError, StoreError, UnreachableError
from cloudgpu.running.deployment import DeploymentState
from cloudgpu.running.deployment.state import APART, SETTLED, Absent, Action, step
from cloudgpu.running.records import DestroyAnswer
from cloudgpu.running.store import Store


def interrupt_at(desk, method):
    """Ctrl-C at the first call of this method."""
    left = [1]

    def interrupt(called):
        if called == method and left[0]:
            left[0] = 0
            raise KeyboardInterrupt

    desk.provider.hook = interrupt


@pytest.mark.parametrize("late_s", [20, 30, 60, 100])
def test_a_fresh_instance_that_is_not_shown_yet_is_not_taken_for_gone(desk, late_s):
    desk.provider.visible_after_s = late_s
    interrupt_at(desk, "instances")
    with pytest.raises(Exception, match="everything that was created is gone again"):
        desk.up()
    assert desk.provider.billing() == []
    assert desk.store.deployment("mistral").state is DeploymentState.GONE


def test_a_refused_create_that_rented_all_the_same_is_removed_even_when_it_shows_up_late(desk):
    desk.provider.visible_after_s = 30
    original = desk.provider.create

    def refusing(offer, launch, label):
        number = original(offer, launch, label)
        if len(desk.provider.machines) == 1:
            raise CreateRefusedError("bid too low", instance_id=number)
        return number

    desk.provider.create = refusing
    deployment = desk.up()
    assert desk.provider.billing() == [deployment.instance_id]


def test_what_was_never_accepted_is_not_closed_by_one_empty_listing(desk, faults):
    deployment = desk.up()
    desk.provider.faults["destroy"] = [faults.unreachable] * 1000
    with pytest.raises(CleanupFailedError):
        desk.down(deployment)
    desk.provider.visible_after_s = 1e9
    for _ in range(4):
        assert desk.refresh(desk.store.life(deployment.token)).state is DeploymentState.CLEANUP_FAILED
        desk.wait(600)
    desk.provider.visible_after_s = 0
    desk.provider.faults.clear()
    assert desk.down(deployment).state is DeploymentState.GONE
    assert desk.provider.billing() == []


def test_one_listing_without_it_does_not_close_an_unaccepted_end_though_it_shows_others(desk, faults):
    deployment, other = desk.up("mistral"), desk.up("qwen-14b")
    desk.provider.faults["destroy"] = [faults.unreachable] * 1000
    with pytest.raises(CleanupFailedError):
        desk.down(deployment)
    desk.provider.machines[deployment.instance_id].destroyed = True
    for seconds in (0, 10, 30):
        desk.wait(seconds)
        assert desk.refresh(desk.store.life(deployment.token)).state is DeploymentState.CLEANUP_FAILED
    desk.wait(10)
    assert desk.refresh(desk.store.life(deployment.token)).state is DeploymentState.GONE
    assert desk.provider.billing() == [other.instance_id]


def test_a_destroy_that_was_accepted_but_did_nothing_needs_more_than_one_look_later(desk):
    deployment = desk.up()
    desk.provider.deaf_to_destroy = True
    with pytest.raises(CleanupFailedError):
        desk.down(deployment)
    desk.provider.visible_after_s = 1e9
    assert desk.refresh(desk.store.life(deployment.token)).state is DeploymentState.CLEANUP_FAILED


def test_what_an_earlier_run_missed_is_no_first_look_for_down(desk):
    deployment, _ = desk.up("mistral"), desk.up("qwen-14b")
    desk.provider.machines[deployment.instance_id].destroyed = True
    assert desk.refresh(deployment).missing_since
    desk.wait(60)
    began_s, looks_s = desk.clock.elapsed(), []
    desk.provider.hook = lambda called: looks_s.append(desk.clock.elapsed()) if called == "instances" else None
    assert desk.down(desk.store.life(deployment.token)).state is DeploymentState.GONE
    assert looks_s[-1] - began_s >= 45


def test_a_correction_of_the_time_proves_no_absence(desk, faults):
    desk.provider.visible_after_s = 100
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    looks = []

    def hook(called):
        looks.append(called)
        if looks.count("instances") == 2 and called == "instances":
            desk.set_time(3600)

    desk.provider.hook = hook
    deployment = desk.up()
    assert len(desk.provider.creates) == 1
    assert desk.provider.billing() == [deployment.instance_id]


@pytest.mark.parametrize("method", ["destroy", "instances", "account", "instance"])
def test_whatever_cuts_an_end_short_ends_in_cleanup_failed(desk, method):
    deployment = desk.up()
    desk.provider.faults[method] = [ValueError("could not convert string to float: '4.5.'")]
    with pytest.raises(CleanupFailedError, match="could not convert") as caught:
        desk.down(deployment)
    assert caught.value.instance_id == deployment.instance_id
    assert desk.store.deployment("mistral").state is DeploymentState.CLEANUP_FAILED
    assert desk.down(deployment).state is DeploymentState.GONE


def test_down_asks_for_the_end_even_when_the_journal_fails(desk):
    deployment = desk.up()
    broken_after(desk, lambda saved: True)
    with pytest.raises(CleanupFailedError, match="disk full"):
        desk.down(deployment)
    assert desk.provider.billing() == []


def test_down_waits_for_a_look_of_another_terminal(desk):
    deployment = desk.up()
    other = Store(f"sqlite:///{desk.path / 'cloudgpu.db'}")
    look = other.lock("deployment:mistral", "a look at mistral")
    look.__enter__()
    sleep, naps = desk.clock.sleep, []

    def sleep_and_let_go(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            look.__exit__(None, None, None)
        sleep(seconds)

    desk.clock = replace_sleep(desk, sleep_and_let_go)
    assert desk.down(deployment).state is DeploymentState.GONE
    other.close()


def test_a_look_that_never_ends_is_not_waited_for_for_ever(desk):
    deployment = desk.up()
    other = Store(f"sqlite:///{desk.path / 'cloudgpu.db'}")
    with other.lock("deployment:mistral", "a look at mistral"), pytest.raises(ConflictError, match="a look at"):
        desk.down(deployment)
    other.close()


def test_a_look_holds_no_lock_while_the_provider_is_asked_and_yields_to_what_happened_meanwhile(desk):
    deployment = desk.up()
    other = Store(f"sqlite:///{desk.path / 'cloudgpu.db'}")

    def act_meanwhile(called):
        if called == "instances":
            with other.lock("deployment:mistral", "down mistral"):
                other.save_deployment(replace(deployment, state=DeploymentState.DESTROYING))

    desk.provider.hook = act_meanwhile
    assert desk.refresh(deployment).state is DeploymentState.DESTROYING
    assert desk.store.deployment("mistral").seen == deployment.seen
    other.close()


def broken_after(desk, when):
    """The journal cannot be written any more from the first deployment that `when` says so of."""
    real = desk.store.save_deployment

    def save(deployment):
        if when(deployment):
            raise StoreError("disk full")
        real(deployment)

    desk.store.save_deployment = save


def replace_sleep(desk, sleep):
    class Clock:
        now, elapsed = desk.clock.now, desk.clock.elapsed

    clock = Clock()
    clock.sleep = sleep
    return clock


def test_silence_of_the_provider_names_the_instance(desk):
    desk.answers_after_s = 1e9
    desk.provider.faults["instances"] = [None] * 3 + [UnreachableError("no answer")] * 62
    with pytest.raises(UnreachableError) as caught:
        desk.up()
    assert caught.value.instance_id == "1000"
    assert desk.provider.billing() == []


def test_an_accepted_request_for_what_was_never_shown_still_takes_two_looks(desk):
    deployment = replace(
        desk.up(), state=DeploymentState.DESTROYING, destroy_answer=DestroyAnswer.ACCEPTED, seen=None
    )  # fmt: skip
    first = step(deployment, Absent(desk.clock.now(), others=3))
    assert first.action is Action.LOOK_AGAIN
    missed = replace(deployment, missing_since=first.missing_since)
    assert step(missed, Absent(first.missing_since + APART - timedelta(seconds=1), 3)).action is Action.LOOK_AGAIN
    assert step(missed, Absent(first.missing_since + APART, 3)).action is Action.CLOSE
    assert step(replace(deployment, seen="running"), Absent(desk.clock.now(), others=0)).action is Action.CLOSE


def test_a_first_look_in_the_future_was_made_by_a_wrong_clock_and_counts_from_now(desk):
    now = desk.clock.now()
    deployment = replace(desk.up(), missing_since=now + timedelta(hours=12), since=now - SETTLED)
    assert step(deployment, Absent(now, others=3)).missing_since == now


def test_a_request_that_was_accepted_stays_so_when_a_later_one_finds_nothing(desk):
    deployment = desk.up()
    desk.provider.deaf_to_destroy = True

    def gone_at_the_second(called):
        if called == "destroy" and len(desk.provider.destroys) == 2:
            desk.provider.machines[deployment.instance_id].destroyed = True

    desk.provider.hook = gone_at_the_second
    began_s = desk.clock.elapsed()
    assert desk.down(deployment).destroy_answer is DestroyAnswer.ACCEPTED
    assert desk.clock.elapsed() - began_s < 45


def test_what_status_missed_before_the_time_was_set_forward_gives_no_create_up(desk, faults):
    desk.provider.faults["create"] = [faults.happened_all_the_same]
    desk.provider.faults["instances"] = [faults.unreadable] * 1000
    desk.provider.visible_after_s = 1e9
    with pytest.raises(CleanupFailedError):
        desk.up()
    desk.provider.faults.clear()
    assert desk.refresh(desk.store.deployment("mistral")).missing_since
    desk.set_time(3600)
    age_s = (desk.clock.now() - desk.provider.machines["1000"].created_at).total_seconds()
    desk.provider.visible_after_s = age_s + 20
    assert desk.up().instance_id == "1000"
    assert len(desk.provider.creates) == 1
