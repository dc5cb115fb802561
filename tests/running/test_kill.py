"""From a kill at any point of `up` or `down`, what comes later leaves exactly the instances that should bill."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError
from cloudgpu.running.deployment import DeploymentState, refresh
from cloudgpu.running.deployment.settle import settle_left_behind
from cloudgpu.running.sweep import sweep


class Killed(BaseException):
    """The process is gone: nothing after this point runs, no handler either."""


def killed_at(desk, step, act):
    """Run `act` and kill it at the n-th touch of provider or store; whether it got that far."""
    left = [step]

    def touch(_called):
        if left[0] <= 0:
            raise Killed
        left[0] -= 1

    real_save, real_append = desk.store.save_deployment, desk.store.append
    desk.provider.hook = touch
    desk.store.save_deployment = lambda d: (touch("save"), real_save(d))
    desk.store.append = lambda e: (touch("append"), real_append(e))
    try:
        act()
        return False
    except Killed:
        return True
    finally:
        desk.provider.hook = None
        desk.store.save_deployment, desk.store.append = real_save, real_append
        desk.store.unlock("deployment:mistral")


def repair(desk):
    """What `gc` does, and then `status`."""
    for deployment in desk.store.deployments():
        if deployment.state.is_unsettled or deployment.instance_id is None:
            settle_left_behind(deployment, *desk.tools.values())
        else:
            refresh(deployment, *desk.tools.values())
    return desk.store.deployments()


faulty = st.fixed_dictionaries(
    {
        "step": st.integers(0, 60),
        "lost_answer": st.booleans(),
        "late": st.sampled_from([0.0, 30.0, 100.0]),
        "dies": st.booleans(),
        "away_s": st.sampled_from([0.0, 10.0, 60.0, 300.0]),
    }
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faulty)
def test_after_a_kill_anywhere_in_up_everything_that_bills_is_known_and_the_rest_is_over(new_desk, faults, case):
    desk = new_desk()
    desk.provider.faults["create"] = [faults.happened_all_the_same] if case["lost_answer"] else []
    desk.provider.visible_after_s = case["late"]
    if case["dies"]:
        desk.provider.log = "CUDA out of memory"
    killed_at(desk, case["step"], lambda: _quietly(desk.up))
    desk.wait(case["away_s"])
    known = repair(desk)
    assert sorted(d.instance_id for d in known) == sorted(desk.provider.billing())
    assert all(not d.state.is_unsettled for d in known)
    assert not [f for f in sweep(desk.provider, desk.store, desk.clock.now()) if f.is_orphan]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step=st.integers(0, 15), answers=st.lists(st.sampled_from(["lost", "refused", "taken"]), max_size=3))
def test_after_a_kill_anywhere_in_down_the_end_is_carried_through(new_desk, faults, step, answers):
    desk = new_desk()
    deployment = desk.up()
    script = {"lost": faults.happened_all_the_same, "refused": faults.unreachable, "taken": None}
    desk.provider.faults["destroy"] = [script[answer] for answer in answers]
    killed = killed_at(desk, step, lambda: desk.down(deployment))
    asked = desk.store.life(deployment.token).state
    repair(desk)
    if asked.is_ending or asked.is_final:
        assert desk.provider.billing() == []
        assert desk.store.deployments() == []
    else:
        assert killed
        assert desk.provider.billing() == [deployment.instance_id]
        assert desk.store.life(deployment.token).state is DeploymentState.READY
        desk.down(deployment)
        assert desk.provider.billing() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step=st.integers(0, 60), lost=st.booleans(), late_s=st.sampled_from([0.0, 30.0, 100.0]))
def test_up_again_after_a_kill_goes_on_without_a_second_rental(new_desk, faults, step, lost, late_s):
    desk = new_desk()
    desk.provider.visible_after_s = late_s
    desk.provider.faults["create"] = [faults.happened_all_the_same] if lost else []
    killed = killed_at(desk, step, desk.up)
    if killed:
        try:
            deployment = desk.up()
        except CloudgpuError:
            deployment = desk.store.deployment("mistral")
    else:
        deployment = desk.store.deployment("mistral")
    assert deployment.state is DeploymentState.READY
    assert desk.provider.billing() == [deployment.instance_id]
    assert len(desk.provider.machines) == 1


def test_a_destroy_recorded_but_never_sent_is_sent_by_the_next_look(desk):
    deployment = desk.up()
    desk.provider.faults["destroy"] = [Killed()]
    with pytest.raises(Killed):
        desk.down(deployment)
    assert desk.store.deployment("mistral").state is DeploymentState.DESTROYING
    repair(desk)
    assert desk.provider.billing() == []


def _quietly(act):
    try:
        act()
    except CleanupFailedError:
        raise
    except CloudgpuError:
        return
