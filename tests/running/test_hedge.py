"""Several machines at once: the first that answers stays, the others are removed, and all are known at any moment."""

import pytest

from cloudgpu.base.errors import CleanupFailedError, InstanceFailedError, StoppedByUserError
from cloudgpu.running.deployment import DeploymentState, Limits


def hedge(number, **more):
    return Limits(hedge=number, max_attempts=max(number, 3), **more)


def test_the_first_that_answers_stays_and_the_others_are_removed(desk):
    winner = desk.up(limits=hedge(3))
    assert len(desk.provider.creates) == 3
    assert desk.provider.billing() == [winner.instance_id]
    assert [each.token for each in desk.store.deployments()] == [winner.token]
    assert desk.store.deployment("mistral") == winner


def test_they_are_on_different_machines(desk, make_offer):
    slices = [make_offer(1, machine="same"), make_offer(2, machine="same"), make_offer(3, machine="other")]
    desk.provider.offers = {each.offer_id: each for each in slices}
    desk.up(limits=hedge(2), offers=slices)
    assert [machine.offer.offer_id for machine in desk.provider.machines.values()] == ["1", "3"]


def test_every_one_is_in_the_journal_before_its_create(desk):
    seen = []

    def note(method):
        if method == "create":
            known = {each.token for each in desk.store.deployments() if each.state is DeploymentState.CREATING}
            seen.append(desk.provider.creates[-1] in known)

    desk.provider.hook = note
    desk.up(limits=hedge(3))
    assert seen == [True] * 3


@pytest.mark.parametrize("call", range(1, 40, 3))
def test_ctrl_c_removes_all_of_them(desk, call):
    calls = iter(range(1, 10_000))

    def interrupt(_method):
        if next(calls) == call:
            raise KeyboardInterrupt

    desk.provider.hook = interrupt
    with pytest.raises(StoppedByUserError):
        desk.up(limits=hedge(3))
    desk.provider.hook = None
    assert desk.provider.billing() == []
    assert all(each.state.is_final for each in desk.store.deployments(include_gone=True))


def interrupt_at(desk, *moments):
    """Ctrl-C at these calls: (method, how often it must have been called)."""
    calls = {}

    def interrupt(method):
        calls[method] = calls.get(method, 0) + 1
        if (method, calls[method]) in moments:
            raise KeyboardInterrupt

    desk.provider.hook = interrupt


def test_a_second_ctrl_c_tells_every_machine_to_go_and_names_those_whose_end_is_not_proved(desk):
    interrupt_at(desk, ("logs", 1), ("destroy", 1))
    with pytest.raises(CleanupFailedError) as caught:
        desk.up(limits=hedge(3))
    assert desk.provider.billing() == []
    assert all(name in caught.value.message for name in desk.provider.machines)
    assert caught.value.hint.endswith("cloudgpu down mistral")
    states = {each.instance_id: each.state for each in desk.store.deployments()}
    assert states == dict.fromkeys(desk.provider.machines, DeploymentState.DESTROYING)


def test_a_third_ctrl_c_names_those_that_nobody_asked_for_any_more(desk):
    interrupt_at(desk, ("logs", 1), ("destroy", 1), ("destroy", 3))
    with pytest.raises(CleanupFailedError) as caught:
        desk.up(limits=hedge(3))
    assert len(desk.provider.billing()) == 2
    assert all(name in caught.value.message for name in desk.provider.machines)
    desk.provider.hook = None
    for each in desk.store.living("mistral"):
        desk.down(each)
    assert desk.provider.billing() == []


def test_a_machine_whose_end_was_proved_before_the_second_ctrl_c_is_not_named(desk):
    interrupt_at(desk, ("logs", 1), ("destroy", 2))
    with pytest.raises(CleanupFailedError) as caught:
        desk.up(limits=hedge(3))
    first, *others = desk.provider.machines
    assert first not in caught.value.message
    assert all(name in caught.value.message for name in others)


def test_ctrl_c_while_the_losers_are_removed_stops_the_winner_too(desk):
    interrupt_at(desk, ("destroy", 1))
    with pytest.raises(StoppedByUserError):
        desk.up(limits=hedge(3))
    assert desk.provider.billing() == []
    assert desk.store.deployments() == []


class Killed(BaseException):
    """The process is no more: nothing runs after it, no undoing either."""


@pytest.mark.parametrize("call", range(1, 46, 4))
def test_after_a_kill_anywhere_the_next_up_leaves_one_and_only_one(desk, call):
    calls = iter(range(1, 10_000))

    def kill(_method):
        if next(calls) >= call:
            raise Killed

    desk.provider.hook = kill
    with pytest.raises(Killed):
        desk.up(limits=hedge(3))
    desk.provider.hook = None
    known = {each.instance_id for each in desk.store.deployments()} | {each.token for each in desk.store.deployments()}
    for instance_id in desk.provider.billing():
        assert instance_id in known or desk.provider.machines[instance_id].label in known
    winner = desk.up(limits=hedge(3))
    assert desk.provider.billing() == [winner.instance_id]
    assert desk.store.living("mistral") == [winner]


def test_a_loser_that_will_not_go_keeps_nobody_from_the_winner_and_stays_known(desk):
    desk.provider.deaf_to_destroy = True
    winner = desk.up(limits=hedge(2))
    assert winner.state is DeploymentState.READY
    states = {each.instance_id: each.state for each in desk.store.deployments()}
    assert sorted(states.values()) == [DeploymentState.CLEANUP_FAILED, DeploymentState.READY]
    assert desk.store.deployment("mistral") == winner


def test_all_that_failed_are_named_and_gone(desk):
    desk.provider.log = "RuntimeError: CUDA error: unspecified launch failure"
    with pytest.raises(InstanceFailedError, match=r"\(3\)"):
        desk.up(limits=hedge(3))
    assert desk.provider.billing() == []


def test_down_of_a_killed_race_removes_all_of_it(desk):
    dead = []

    def kill(method):
        if method == "logs" or dead:
            dead.append(method)
            raise Killed

    desk.provider.hook = kill
    with pytest.raises(Killed):
        desk.up(limits=hedge(3))
    desk.provider.hook = None
    assert len(desk.store.living("mistral")) == 3
    for each in desk.store.living("mistral"):
        desk.down(each)
    assert desk.provider.billing() == []


def test_a_provider_that_falls_silent_ends_with_every_one_named(desk, faults):
    def fall_silent(called):
        if len(desk.provider.machines) == 2 and called in ("instances", "instance", "destroy", "logs", "account"):
            raise faults.unreachable

    desk.provider.hook = fall_silent
    with pytest.raises(CleanupFailedError):
        desk.up(limits=hedge(2))
    states = [each.state for each in desk.store.deployments()]
    assert states == [DeploymentState.CLEANUP_FAILED] * 2
