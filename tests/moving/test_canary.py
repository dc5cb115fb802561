"""Steps, pauses, and what happens by itself while both sides are alive."""

from dataclasses import replace

import pytest
from made_up_world import Killed, Process, World, a_migration

from cloudgpu.base.errors import CloudgpuError, ConflictError
from cloudgpu.moving import closing, forward, resuming, way_back, window
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.live import Count
from cloudgpu.moving.sides import is_left
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way

CANARY = Strategy(way=Way.CANARY, steps=(10, 50), pause_s=300.0, window_s=3600.0)
SHARED = Strategy(way=Way.AB, steps=(30,))


def begin(acts, strategy=CANARY):
    return forward.go_forward(a_migration(strategy=strategy), acts)


def shares(world):
    return world.weights, world.standby


def test_a_canary_begins_with_its_first_step_and_goes_on_when_each_is_due(world, acts):
    now = begin(acts)
    assert (now.state, shares(world)) == (MigrationState.CANARY, ({"mistral": 90, "qwen-14b": 10}, None))
    world.wait(299)
    assert window.advance(now, acts).step == 0
    world.wait(1)
    now = window.advance(now, acts)
    assert (now.step, world.weights) == (1, {"mistral": 50, "qwen-14b": 50})
    world.wait(300)
    now = window.advance(now, acts)
    assert (now.state, shares(world)) == (MigrationState.PROMOTED, ({"qwen-14b": 100}, "mistral"))
    assert world.billing == {"t-old", "t-new-0"}


def test_a_canary_that_waits_to_be_told_goes_on_at_promote_alone(world, acts):
    now = begin(acts, replace(CANARY, pause_s=None))
    world.wait(10_000)
    now = window.advance(now, acts)
    assert now.step == 0
    now = forward.promote(now, acts)
    assert (now.step, world.weights["qwen-14b"]) == (1, 50)
    assert forward.promote(now, acts).state is MigrationState.PROMOTED


def test_promote_full_leaves_the_other_steps_out(world, acts):
    assert forward.promote(begin(acts), acts, full=True).state is MigrationState.PROMOTED
    assert shares(world) == ({"qwen-14b": 100}, "mistral")


def test_gates_that_cannot_tell_pause_and_somebody_decides(world, acts):
    world.gates = Outcome.INCONCLUSIVE
    paused = begin(acts)
    assert (paused.state, paused.paused_at) == (MigrationState.PAUSED, MigrationState.VALIDATING)
    assert (world.weights, world.standby) == ({"mistral": 100}, None)
    assert forward.promote(paused, acts).state is MigrationState.CANARY
    assert world.weights["qwen-14b"] == 10


def test_gates_that_could_not_tell_are_asked_again_by_resume(world, acts):
    world.gates = Outcome.INCONCLUSIVE
    paused = begin(acts)
    world.gates = Outcome.PASS
    assert resuming.resume(paused, acts).state is MigrationState.CANARY


def test_a_pause_keeps_the_shares_and_resume_goes_on(world, acts):
    now = way_back.pause(begin(acts), acts)
    world.wait(10_000)
    assert window.advance(now, acts).state is MigrationState.PAUSED
    assert world.weights == {"mistral": 90, "qwen-14b": 10}
    assert resuming.resume(now, acts).state is MigrationState.CANARY


def test_a_canary_whose_pause_is_over_takes_its_next_step_after_a_whole_one(world, acts):
    now = way_back.pause(begin(acts), acts)
    world.wait(10_000)
    now = resuming.resume(now, acts)
    world.wait(299)
    assert window.advance(now, acts).step == 0
    world.wait(1)
    assert window.advance(now, acts).step == 1


@pytest.mark.parametrize("strategy", [replace(CANARY, pause_s=None), SHARED])
def test_one_that_waits_to_be_told_goes_on_waiting_after_a_pause(world, acts, strategy):
    now = resuming.resume(way_back.pause(begin(acts, strategy), acts), acts)
    assert now.due is None


def test_a_paused_canary_can_be_rolled_back_or_given_up(world, acts):
    paused = way_back.pause(begin(acts), acts)
    assert way_back.roll_back(paused, acts).state is MigrationState.ROLLED_BACK
    assert world.weights == {"mistral": 100}
    assert closing.abort(paused, acts).state is MigrationState.ABORTED
    assert world.billing == {"t-old"}


@pytest.mark.parametrize("strategy", [CANARY, Strategy()], ids=["canary", "promoted"])
def test_a_new_side_that_stops_answering_is_rolled_back_by_itself(world, acts, strategy):
    now = begin(acts, strategy)
    world.sick.add("qwen-14b")
    now = window.look(now, acts)
    assert (now.state, world.weights) == (MigrationState.ROLLED_BACK, {"mistral": 100})
    assert "rolled back by itself: qwen-14b does not answer" in now.problem
    assert (world.billing, world.rentals) == ({"t-old", "t-new-0"}, 1)


def test_errors_that_clients_meet_on_the_new_side_roll_back(world, acts):
    now = begin(acts)
    world.counts = {"mistral": Count(requests=400, errors=2), "qwen-14b": Count(requests=40, errors=12)}
    now = window.look(now, acts)
    assert now.state is MigrationState.ROLLED_BACK
    assert "12 of 40 requests failed" in now.problem


def test_a_new_side_that_has_slowed_down_rolls_back(world, acts):
    world.counts = {"qwen-14b": Count(first_tokens=30, ttft_s=9.0)}
    now = begin(acts)
    world.counts = {"qwen-14b": Count(first_tokens=60, ttft_s=9.0 + 30 * 1.2)}
    assert "the first token takes 1200 ms on average, 300 ms before" in window.look(now, acts).problem


def test_a_new_side_is_no_slower_than_the_old_one_was_for_the_same_clients(world, acts):
    world.counts = {
        "mistral": Count(first_tokens=5000, ttft_s=5000 * 0.8),
        "qwen-14b": Count(first_tokens=30, ttft_s=3.0),
    }
    now = begin(acts)
    world.counts["qwen-14b"] = Count(first_tokens=60, ttft_s=3.0 + 30 * 1.2)
    assert window.look(now, acts).state is MigrationState.CANARY
    world.counts["qwen-14b"] = Count(first_tokens=60, ttft_s=3.0 + 30 * 2.5)
    assert "2500 ms on average, 800 ms before" in window.look(now, acts).problem


@pytest.mark.parametrize(("late", "goes_back"), [(2, False), (3, True)])
def test_a_long_prompt_or_two_among_twenty_is_no_regression(world, acts, late, goes_back):
    world.counts = {"qwen-14b": Count(first_tokens=30, ttft_s=3.0, within={0.25: 30, 0.5: 30, 20.0: 30})}
    now = begin(acts)
    seen = Count(first_tokens=50, ttft_s=3.0 + 1.8 + late * 15.0, within={0.25: 50 - late, 0.5: 50 - late, 20.0: 50})
    world.counts = {"qwen-14b": seen}
    now = window.look(now, acts)
    assert (now.state is MigrationState.ROLLED_BACK) == goes_back
    assert (f"{late} of 20 after more than 500 ms" in (now.problem or "")) == goes_back


def test_a_few_errors_among_few_requests_are_no_regression(world, acts):
    now = begin(acts)
    world.counts = {"qwen-14b": Count(requests=19, errors=5)}
    assert window.look(now, acts).state is MigrationState.CANARY


def test_without_automatic_rollback_a_regression_is_said_and_nothing_moves(world, acts):
    now = begin(acts, replace(CANARY, auto_rollback=False))
    world.sick.add("qwen-14b")
    now = window.look(now, acts)
    assert (now.state, world.weights) == (MigrationState.CANARY, {"mistral": 90, "qwen-14b": 10})
    assert "cloudgpu migrate rollback" in now.problem


def test_nothing_is_rolled_back_to_an_old_side_that_does_not_answer_either(world, acts):
    now = begin(acts, Strategy())
    world.sick |= {"qwen-14b", "mistral"}
    now = window.look(now, acts)
    assert (now.state, world.weights) == (MigrationState.PROMOTED, {"qwen-14b": 100})
    assert "mistral does not answer either" in now.problem


@pytest.mark.parametrize("go_on", [window.look, window.advance, resuming.resume])
def test_an_old_side_that_dies_in_the_middle_of_a_canary_leaves_all_to_the_new_one(world, acts, go_on):
    now = begin(acts)
    world.billing.discard("t-old")
    assert go_on(now, acts).state is MigrationState.PROMOTED
    assert world.weights == {"qwen-14b": 100}


def test_an_old_side_that_ends_as_its_canary_begins_leaves_all_to_the_new_one(world, acts, monkeypatch):
    counts = acts.counts
    monkeypatch.setattr(type(acts), "counts", lambda _, now: (counts(now), world.billing.discard("t-old"))[0])
    assert begin(acts).state is MigrationState.PROMOTED
    assert world.weights == {"qwen-14b": 100}


@pytest.mark.parametrize("go_on", [window.look, window.advance, resuming.resume])
@pytest.mark.parametrize("strategy", [CANARY, Strategy()])
def test_a_new_side_that_vanishes_leaves_all_to_the_old_one(world, acts, strategy, go_on):
    now = begin(acts, strategy)
    world.billing.discard("t-new-0")
    assert go_on(now, acts).state is MigrationState.ROLLED_BACK
    assert world.weights == {"mistral": 100}


def test_the_old_side_goes_when_its_time_is_over_and_the_new_one_passes(world, acts):
    now = begin(acts, Strategy(window_s=3600.0))
    world.wait(3599)
    assert window.advance(now, acts).state is MigrationState.PROMOTED
    assert "t-old" in world.billing
    world.wait(1)
    assert window.advance(now, acts).state is MigrationState.STABLE
    assert (world.billing, shares(world)) == ({"t-new-0"}, ({"qwen-14b": 100}, None))


def test_a_window_that_ended_while_nobody_watched_is_ended_by_the_next_resume(world, acts):
    now = begin(acts, Strategy(window_s=3600.0))
    world.wait(100_000)
    assert world.billing == {"t-old", "t-new-0"}
    assert resuming.resume(now, acts).state is MigrationState.STABLE


def test_when_the_new_side_is_in_doubt_as_the_window_ends_it_is_extended_and_said(world, acts):
    now = begin(acts, Strategy(window_s=3600.0, auto_rollback=False))
    world.sick.add("qwen-14b")
    world.wait(4000)
    now = window.advance(now, acts)
    assert (now.state, now.extended) == (MigrationState.PROMOTED, 1)
    assert (now.due - world.now).total_seconds() == 1800
    assert "mistral is kept longer, because qwen-14b is in doubt" in now.problem
    assert world.billing == {"t-old", "t-new-0"}


@pytest.mark.parametrize("automatic", [True, False])
def test_the_end_of_the_window_does_not_delete_the_old_side_for_a_new_one_that_answers_garbage(world, acts, automatic):
    now = begin(acts, Strategy(window_s=180.0, auto_rollback=automatic))
    world.babbling.add("qwen-14b")
    world.wait(200)
    now = window.advance(now, acts)
    assert now.state is (MigrationState.ROLLED_BACK if automatic else MigrationState.PROMOTED)
    assert "look broken" in now.problem
    assert world.billing == {"t-old", "t-new-0"}


def test_a_problem_that_has_passed_is_not_told_on(world, acts):
    now = begin(acts, Strategy(auto_rollback=False))
    world.sick.add("qwen-14b")
    now = window.look(now, acts)
    world.sick.clear()
    assert now.problem
    assert window.look(now, acts).problem is None


def test_an_old_side_without_a_window_is_never_removed_by_itself(world, acts):
    now = begin(acts, Strategy(window_s=None))
    world.wait(10**8)
    assert window.advance(now, acts).state is MigrationState.PROMOTED


def test_looking_deletes_nothing_and_goes_no_step_forward(world, acts):
    now = begin(acts, Strategy(window_s=0.0))
    assert window.look(now, acts).state is MigrationState.PROMOTED
    assert world.billing == {"t-old", "t-new-0"}


def test_two_sides_that_share_stay_so_until_somebody_says_otherwise(world, acts):
    now = begin(acts, SHARED)
    world.wait(10**7)
    now = window.advance(now, acts)
    assert (now.state, world.weights) == (MigrationState.CANARY, {"mistral": 70, "qwen-14b": 30})
    assert forward.promote(now, acts).state is MigrationState.PROMOTED


def test_replacing_removes_the_old_side_first_and_ends_with_the_new_one_alone(world, acts):
    world.replaces = True
    done = begin(acts, Strategy(way=Way.REPLACE, window_s=0.0))
    assert (done.state, world.billing, world.weights) == (MigrationState.STABLE, {"t-new-0"}, {"qwen-14b": 100})


def test_promote_where_nothing_can_be_promoted_is_refused_with_the_way_on(world, acts):
    with pytest.raises(ConflictError):
        forward.promote(a_migration(), acts)
    promoted = begin(acts, Strategy())
    with pytest.raises(ConflictError, match="has all the traffic"):
        forward.promote(promoted, acts)


def test_promote_to_a_side_that_does_not_answer_is_refused(world, acts):
    now = begin(acts)
    world.sick.add("qwen-14b")
    with pytest.raises(ConflictError, match="does not answer"):
        forward.promote(now, acts)
    assert world.weights == {"mistral": 90, "qwen-14b": 10}


def test_gates_that_refuse_leave_all_requests_where_they_are(world, acts):
    world.gates = Outcome.FAIL
    with pytest.raises(CloudgpuError, match="mistral keeps all requests"):
        begin(acts)
    assert (world.weights, world.saved().state) == ({"mistral": 100}, MigrationState.VALIDATING)


def test_gates_that_refuse_what_has_replaced_the_old_side_do_not_say_that_it_serves(world, acts):
    world.replaces, world.gates = True, Outcome.FAIL
    with pytest.raises(CloudgpuError, match="qwen-14b has not passed its gates") as refusal:
        begin(acts, Strategy(way=Way.REPLACE, window_s=0.0))
    assert "both" not in refusal.value.hint


def test_a_replacement_that_was_killed_before_its_new_side_answered_can_be_given_up_or_gone_on_with(world, acts):
    world.replaces = True
    halfway = a_migration(strategy=Strategy(way=Way.REPLACE), state=MigrationState.PROVISIONING)
    world.billing = {"t-new-0"}
    world.names = {"qwen-14b": "t-new-0"}
    with pytest.raises(ConflictError, match="was to go first") as refusal:
        way_back.roll_back(halfway, acts)
    assert "resume" in refusal.value.hint
    assert resuming.resume(halfway, acts).state is MigrationState.STABLE
    assert world.billing == {"t-new-0"}
    world.weights = {}
    assert closing.abort(halfway, acts).state is MigrationState.ABORTED
    assert world.billing == set()


@pytest.mark.parametrize("typed", [closing.abort, window.look])
@pytest.mark.parametrize("steps_left", range(1, 12))
def test_a_replacement_that_was_killed_before_its_old_side_went_leads_requests_there_again(steps_left, typed):
    world = World()
    world.replaces = True
    with pytest.raises(Killed):
        forward.go_forward(a_migration(strategy=Strategy(way=Way.REPLACE)), Process(world, steps_left=steps_left))
    old_is_left = is_left(world.saved().old, Process(world))
    typed(world.saved(), Process(world))
    assert world.weights == ({"mistral": 100} if old_is_left else {})
