"""An end that was cut off is finished as it was begun, and by no word that means another."""

from dataclasses import replace

import pytest
from made_up_world import Killed, Process, a_migration

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving import closing, forward, resuming, way_back, window
from cloudgpu.moving.state import Ending, MigrationState


@pytest.fixture
def promoted(acts):
    return forward.go_forward(a_migration(), acts)


@pytest.mark.parametrize("left", [{"t-old", "t-new-0"}, {"t-new-0"}])
def test_abort_never_finishes_an_end_that_keeps_the_new_side(world, acts, promoted, left):
    cut_off = replace(promoted, ending=Ending.KEEP_NEW)
    world.billing &= left
    for force in (False, True):
        with pytest.raises(ConflictError, match="being closed: mistral may be gone already") as refusal:
            closing.abort(cut_off, acts, force=force)
        assert refusal.value.hint == "finish it: cloudgpu migrate resume"
    assert world.billing == left
    assert resuming.resume(cut_off, acts).state is MigrationState.STABLE
    assert world.billing == {"t-new-0"}


def test_abort_does_not_call_its_own_what_finalize_began_after_a_rollback(world, acts, promoted):
    cut_off = replace(way_back.roll_back(promoted, acts), ending=Ending.KEEP_OLD)
    with pytest.raises(ConflictError, match="being closed: qwen-14b may be gone already"):
        closing.abort(cut_off, acts)
    assert window.advance(cut_off, acts).state is MigrationState.STABLE
    assert world.billing == {"t-old"}


def test_finalize_finishes_an_abort_that_was_begun_and_calls_it_that(world, acts, promoted):
    cut_off = replace(way_back.roll_back(promoted, acts), ending=Ending.ABORT)
    assert closing.finalize(cut_off, acts).state is MigrationState.ABORTED
    assert world.billing == {"t-old"}


def test_once_an_old_side_is_being_destroyed_there_is_no_way_back_to_it(world, acts, promoted):
    dying = Process(world, steps_left=5)  # the move (2), the record of the end (2), the first step of the destroy
    with pytest.raises(Killed):
        closing.finalize(promoted, dying)
    assert world.saved().ending is Ending.KEEP_NEW
    with pytest.raises(ConflictError, match="being closed"):
        way_back.roll_back(world.saved(), acts)


def test_an_abort_that_was_forced_and_killed_can_be_resumed_by_force_only(world, acts, promoted):
    back = way_back.roll_back(promoted, acts)
    world.sick.add("mistral")
    with pytest.raises(Killed):
        closing.abort(back, Process(world, steps_left=4), force=True)  # the move (2), the record of the end (2)
    with pytest.raises(ConflictError, match="does not answer"):
        resuming.resume(world.saved(), acts)
    assert resuming.resume(world.saved(), acts, force=True).state is MigrationState.ABORTED
