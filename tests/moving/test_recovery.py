"""A side that failed a look and came back is not trusted at once: not alone, and not with more requests."""

import pytest
from made_up_world import a_migration

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving import forward, resuming, window
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way

CANARY = Strategy(way=Way.CANARY, steps=(10, 50), pause_s=300.0, window_s=3600.0, auto_rollback=False)
AT_FIRST = {"mistral": 90, "qwen-14b": 10}


@pytest.fixture
def recovering(world, acts):
    """A canary at its first step whose new side failed a look; now it answers again, and the next step is due."""
    now = begin(acts, CANARY)
    world.sick.add("qwen-14b")
    now = window.look(now, acts)
    world.sick.clear()
    world.wait(300)
    return now


def begin(acts, strategy):
    return forward.go_forward(a_migration(strategy=strategy), acts)


def test_one_good_look_after_failed_ones_is_not_enough_to_delete_the_old_side(world, acts):
    now = begin(acts, Strategy(window_s=180.0))
    world.sick |= {"qwen-14b", "mistral"}
    world.wait(200)
    now = window.advance(now, acts)
    assert now.extended == 1
    world.sick.clear()
    began = now.due
    world.wait((began - world.now).total_seconds())
    for looks in (1, 2):
        now = window.advance(now, acts)
        assert f"{looks} of 3 looks so far; mistral goes after 3 that pass over 10 minutes" in now.problem
        assert "t-old" in world.billing
        world.wait((now.due - world.now).total_seconds())
    assert window.advance(now, acts).state is MigrationState.STABLE
    assert (world.now - began).total_seconds() >= 600


def test_looks_in_one_moment_do_not_make_up_for_a_failed_one(world, acts):
    now = begin(acts, Strategy(window_s=0.0, auto_rollback=False))
    world.babbling.add("qwen-14b")
    now = window.advance(now, acts)
    world.babbling.clear()
    for _ in range(5):
        now = window.advance(now, acts)
    assert (now.state, now.recovery.looks) == (MigrationState.PROMOTED, 5)


@pytest.mark.parametrize("go_on", [window.advance, resuming.resume])
def test_a_side_that_failed_and_came_back_gets_a_larger_share_only_after_looks_that_pass(
    world, acts, recovering, go_on
):
    now, began = recovering, world.now
    for looks in (1, 2):
        now = go_on(now, acts)
        assert (now.state, now.step, world.weights) == (MigrationState.CANARY, 0, AT_FIRST)
        assert now.problem == (
            f"the next step waits: qwen-14b failed a look and passes again, {looks} of 3 looks so far; it comes after "
            "3 that pass over 10 minutes"
        )
        assert now.extended == 0, "no old side is kept for longer"
        world.wait((now.due - world.now).total_seconds())
    assert (go_on(now, acts).step, world.weights["qwen-14b"]) == (1, 50)
    assert (world.now - began).total_seconds() >= 600


def test_looks_in_one_moment_bring_no_larger_share(world, acts, recovering):
    now = recovering
    for _ in range(5):
        now = window.advance(now, acts)
    assert (now.step, now.recovery.looks, world.weights) == (0, 5, AT_FIRST)


@pytest.mark.parametrize("full", [False, True])
def test_promote_gives_no_larger_share_to_a_side_that_has_just_come_back_unless_forced(world, acts, recovering, full):
    with pytest.raises(ConflictError, match="qwen-14b failed a look and has passed 0 of 3 since") as refusal:
        forward.promote(recovering, acts, full=full)
    assert "cloudgpu migrate follow" in refusal.value.hint
    assert "cloudgpu migrate promote --force" in refusal.value.hint
    assert world.weights == AT_FIRST
    forward.promote(recovering, acts, full=full, force=True)
    assert world.weights["qwen-14b"] == (100 if full else 50)


def test_force_promotes_no_side_that_does_not_answer(world, acts, recovering):
    world.sick.add("qwen-14b")
    with pytest.raises(ConflictError, match="does not answer"):
        forward.promote(recovering, acts, force=True)


def test_promote_waits_for_nothing_while_the_old_side_is_silent(world, acts, recovering):
    world.sick.add("mistral")
    assert forward.promote(recovering, acts, full=True).state is MigrationState.PROMOTED


def test_once_it_has_passed_for_long_enough_promote_asks_no_more(world, acts, recovering):
    now = recovering
    for _ in range(3):
        now = window.look(now, acts)
        world.wait(300)
    assert forward.promote(now, acts).step == 1


def test_a_new_side_that_came_back_gets_everything_when_the_old_one_is_gone(world, acts, recovering):
    world.billing.discard("t-old")
    assert window.look(recovering, acts).state is MigrationState.PROMOTED
    assert world.weights == {"qwen-14b": 100}
