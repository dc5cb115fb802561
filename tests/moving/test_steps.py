"""A migration goes forward, back and to its end; what it must not do, it refuses with a way out."""

import pytest
from made_up_world import Killed, Process, a_migration

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, ConflictError, InstanceFailedError
from cloudgpu.moving import closing, forward, resuming, way_back
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.migration import Side
from cloudgpu.moving.state import Ending, MigrationState


@pytest.fixture
def promoted(acts):
    return forward.go_forward(a_migration(), acts)


def test_a_migration_ends_with_both_sides_alive_and_the_address_on_the_new_one(world, promoted):
    assert promoted.state is MigrationState.PROMOTED
    assert world.address == "qwen-14b"
    assert world.billing == {"t-old", "t-new-0"}
    assert promoted.new == Side("qwen-14b", "t-new-0")
    assert promoted.verdict.outcome is Outcome.PASS


def test_what_was_returned_is_what_was_saved(world, promoted):
    assert world.saved() == promoted


def test_a_rollback_moves_the_address_and_creates_nothing(world, acts, promoted):
    back = way_back.roll_back(promoted, acts)
    assert (back.state, world.address, world.rentals) == (MigrationState.ROLLED_BACK, "mistral", 1)
    assert world.billing == {"t-old", "t-new-0"}


def test_after_a_rollback_one_can_go_forward_again_without_a_rental(world, acts, promoted):
    again = forward.go_again(way_back.roll_back(promoted, acts), acts)
    assert (again.state, world.address, world.rentals) == (MigrationState.PROMOTED, "qwen-14b", 1)
    assert world.notes == ["qwen-14b", "mistral", "qwen-14b"]


def test_finalize_leaves_exactly_the_side_in_charge(world, acts, promoted):
    assert closing.finalize(promoted, acts).state is MigrationState.STABLE
    assert world.billing == {"t-new-0"}


def test_finalize_after_a_rollback_leaves_exactly_the_old_side(world, acts, promoted):
    assert closing.finalize(way_back.roll_back(promoted, acts), acts).state is MigrationState.STABLE
    assert (world.billing, world.address) == ({"t-old"}, "mistral")


def test_abort_after_a_rollback_leaves_exactly_the_old_side(world, acts, promoted):
    assert closing.abort(way_back.roll_back(promoted, acts), acts).state is MigrationState.ABORTED
    assert (world.billing, world.address) == ({"t-old"}, "mistral")


def test_a_new_side_that_does_not_answer_is_not_promoted(world, acts):
    world.sick.add("qwen-14b")
    with pytest.raises(CloudgpuError, match="mistral keeps all requests") as refusal:
        forward.go_forward(a_migration(), acts)
    assert "abort" in refusal.value.hint
    assert "resume" in refusal.value.hint
    assert world.saved().state is MigrationState.VALIDATING
    assert world.saved().problem
    assert world.address == "mistral"


def test_resume_asks_again_and_goes_on_when_the_new_side_has_recovered(world, acts):
    world.sick.add("qwen-14b")
    with pytest.raises(CloudgpuError):
        forward.go_forward(a_migration(), acts)
    world.sick.clear()
    assert resuming.resume(world.saved(), acts).state is MigrationState.PROMOTED
    assert world.saved().problem is None


def test_force_promotes_against_the_objection_and_keeps_it_on_record(world, acts):
    world.sick.add("qwen-14b")
    done = forward.go_forward(a_migration(force=True), acts)
    assert world.address == "qwen-14b"
    assert done.verdict.outcome is Outcome.FAIL


def test_an_old_side_that_answers_nothing_does_not_hold_the_new_one_back(world, acts):
    world.sick.add("mistral")
    forward.go_forward(a_migration(), acts)
    assert world.address == "qwen-14b"


def test_a_creation_that_fails_and_leaves_nothing_behind_aborts_the_migration(world, acts):
    world.creation_fails = True
    with pytest.raises(InstanceFailedError):
        forward.go_forward(a_migration(), acts)
    assert world.saved().state is MigrationState.ABORTED
    assert (world.billing, world.address) == ({"t-old"}, "mistral")


def test_rollback_to_an_old_side_that_does_not_answer_is_refused_unless_forced(world, acts, promoted):
    world.sick.add("mistral")
    with pytest.raises(ConflictError, match="does not answer"):
        way_back.roll_back(promoted, acts)
    assert world.address == "qwen-14b"
    way_back.roll_back(promoted, acts, force=True)
    assert world.address == "mistral"


def test_rollback_to_an_old_side_that_is_gone_is_refused_even_when_forced(world, acts, promoted):
    world.billing.discard("t-old")
    with pytest.raises(ConflictError, match="no longer exists"):
        way_back.roll_back(promoted, acts, force=True)


def test_finalize_does_not_destroy_the_old_side_while_the_new_one_is_silent(world, acts, promoted):
    world.sick.add("qwen-14b")
    with pytest.raises(ConflictError, match="mistral is not destroyed"):
        closing.finalize(promoted, acts)
    assert "t-old" in world.billing


def test_a_side_whose_end_cannot_be_confirmed_stays_on_record_and_can_be_tried_again(world, acts, promoted):
    world.cannot_be_destroyed.add("t-old")
    with pytest.raises(CleanupFailedError):
        closing.finalize(promoted, acts)
    failed = world.saved()
    assert (failed.state, failed.ending) == (MigrationState.CLEANUP_FAILED, Ending.KEEP_NEW)
    world.cannot_be_destroyed.clear()
    assert resuming.resume(failed, acts).state is MigrationState.STABLE
    assert world.billing == {"t-new-0"}


def test_abort_of_a_promoted_migration_is_refused_with_the_way_back(acts, promoted):
    with pytest.raises(ConflictError) as refusal:
        closing.abort(promoted, acts)
    assert "rollback" in refusal.value.hint


def test_rollback_before_the_address_moved_is_refused_with_abort_as_the_way(acts):
    with pytest.raises(ConflictError) as refusal:
        way_back.roll_back(a_migration(), acts)
    assert "abort" in refusal.value.hint


def test_finalize_before_the_address_moved_is_refused(world, acts):
    with pytest.raises(ConflictError, match="is planned"):
        closing.finalize(a_migration(), acts)
    assert world.billing == {"t-old"}


def test_rollback_twice_is_the_same_as_once(world, acts, promoted):
    back = way_back.roll_back(promoted, acts)
    assert way_back.roll_back(back, acts) == back
    assert world.notes == ["qwen-14b", "mistral"]


def test_a_closed_migration_cannot_be_resumed(acts, promoted):
    with pytest.raises(ConflictError, match="nothing is left to do"):
        resuming.resume(closing.finalize(promoted, acts), acts)


def test_a_name_that_was_used_again_is_not_mistaken_for_the_old_side(world, acts, promoted):
    world.billing.discard("t-old")
    world.names["mistral"] = "t-other"
    world.billing.add("t-other")
    closing.finalize(promoted, acts)
    assert "t-other" in world.billing


def test_finalize_gives_way_to_the_old_side_when_the_new_one_is_gone(world, acts, promoted):
    world.billing.discard("t-new-0")
    done = closing.finalize(promoted, acts)
    assert (done.state, world.address, world.billing) == (MigrationState.STABLE, "mistral", {"t-old"})


def test_finalize_gives_way_to_the_new_side_when_the_old_one_is_gone_after_a_rollback(world, acts, promoted):
    back = way_back.roll_back(promoted, acts)
    world.billing.discard("t-old")
    done = closing.finalize(back, acts)
    assert (done.state, world.address, world.billing) == (MigrationState.STABLE, "qwen-14b", {"t-new-0"})


def test_a_migration_whose_sides_are_both_gone_can_be_closed(world, acts, promoted):
    world.billing.clear()
    assert closing.finalize(promoted, acts).state is MigrationState.STABLE


def test_abort_does_not_destroy_all_that_is_left(world, acts):
    world.sick.add("qwen-14b")
    with pytest.raises(CloudgpuError):
        forward.go_forward(a_migration(), acts)
    world.billing.discard("t-old")
    with pytest.raises(ConflictError, match="all that is left"):
        closing.abort(world.saved(), acts)
    assert world.billing == {"t-new-0"}


def test_when_the_winner_dies_while_the_loser_is_removed_the_address_is_withdrawn_and_the_record_closed(
    world, acts, promoted
):
    world.cannot_be_destroyed.add("t-old")
    with pytest.raises(CleanupFailedError):
        closing.finalize(promoted, acts)
    world.cannot_be_destroyed.clear()
    world.billing.discard("t-new-0")
    done = resuming.resume(world.saved(), acts)
    assert (done.state, world.address, world.billing) == (MigrationState.STABLE, None, set())


def test_an_abort_whose_new_side_is_being_removed_is_carried_through_though_the_old_one_died(world, acts, promoted):
    world.cannot_be_destroyed.add("t-new-0")
    with pytest.raises(CleanupFailedError):
        closing.abort(way_back.roll_back(promoted, acts), acts)
    world.cannot_be_destroyed.clear()
    world.billing.discard("t-old")
    done = resuming.resume(world.saved(), acts)
    assert (done.state, world.address, world.billing) == (MigrationState.ABORTED, None, set())


def test_an_abort_that_was_killed_before_its_first_act_does_not_destroy_the_last_side_when_it_is_resumed(
    world, acts, promoted
):
    back = way_back.roll_back(promoted, acts)
    with pytest.raises(Killed):
        closing.abort(back, Process(world, steps_left=4))  # the move (2), the record of the end (2)
    world.billing.discard("t-old")
    with pytest.raises(ConflictError) as refusal:
        resuming.resume(world.saved(), acts)
    assert "finalize" in refusal.value.hint
    done = closing.finalize(world.saved(), acts)
    assert (done.state, world.address, world.billing) == (MigrationState.STABLE, "qwen-14b", {"t-new-0"})


def test_finalize_does_not_keep_a_side_whose_end_was_asked_for(world, acts, promoted):
    world.ending.add("t-new-0")
    with pytest.raises(ConflictError, match="qwen-14b is being removed") as refusal:
        closing.finalize(promoted, acts)
    assert "rollback" in refusal.value.hint
    assert (world.billing, world.address) == ({"t-old", "t-new-0"}, "qwen-14b")
    world.gc()
    assert closing.finalize(promoted, acts).state is MigrationState.STABLE
    assert (world.billing, world.address) == ({"t-old"}, "mistral")


def test_rollback_to_a_side_whose_end_was_asked_for_is_refused_even_when_forced(world, acts, promoted):
    world.ending.add("t-old")
    with pytest.raises(ConflictError, match="mistral is being removed"):
        way_back.roll_back(promoted, acts, force=True)
    assert (world.saved().state, world.address) == (MigrationState.PROMOTED, "qwen-14b")


def test_a_new_side_whose_end_was_asked_for_never_takes_over_even_when_forced(world, acts, promoted):
    world.ending.add("t-new-0")
    back = way_back.roll_back(promoted, acts)
    with pytest.raises(ConflictError, match="qwen-14b is being removed"):
        forward.go_again(back, acts)
    with pytest.raises(ConflictError, match="qwen-14b is being removed"):
        resuming.resume(back.at(MigrationState.VALIDATING), acts, force=True)
    assert (world.saved(), world.address) == (back, "mistral")


def test_abort_gives_up_a_new_side_that_is_being_removed_although_the_old_one_is_silent(world, acts, promoted):
    back = way_back.roll_back(promoted, acts)
    world.sick.add("mistral")
    world.ending.add("t-new-0")
    assert closing.abort(back, acts).state is MigrationState.ABORTED
    assert world.billing == {"t-old"}


def test_finalize_withdraws_the_address_when_neither_side_is_left(world, acts, promoted):
    world.billing.clear()
    assert closing.finalize(promoted, acts).state is MigrationState.STABLE
    assert world.address is None


def test_abort_does_not_destroy_the_new_side_while_the_old_one_is_silent_unless_forced(world, acts, promoted):
    back = way_back.roll_back(promoted, acts)
    world.sick.add("mistral")
    with pytest.raises(ConflictError, match="mistral does not answer, so qwen-14b is not destroyed") as refusal:
        closing.abort(back, acts)
    assert "--force" in refusal.value.hint
    assert world.billing == {"t-old", "t-new-0"}
    assert closing.abort(back, acts, force=True).state is MigrationState.ABORTED
    assert world.billing == {"t-old"}


def test_abort_while_both_are_asked_does_not_destroy_the_only_side_that_answers(world, acts):
    world.sick.add("qwen-14b")
    with pytest.raises(CloudgpuError):
        forward.go_forward(a_migration(), acts)
    world.sick = {"mistral"}
    with pytest.raises(ConflictError, match="qwen-14b is not destroyed"):
        closing.abort(world.saved(), acts)
    assert world.billing == {"t-old", "t-new-0"}


def test_nothing_destroys_the_side_that_the_address_points_to(world, acts):
    world.sick.add("qwen-14b")
    with pytest.raises(CloudgpuError):
        forward.go_forward(a_migration(), acts)
    world.address = "qwen-14b"  # moved by hand, or the journal is an older copy
    with pytest.raises(ConflictError, match="may still reach qwen-14b"):
        closing.abort(world.saved(), acts)
    assert world.billing == {"t-old", "t-new-0"}


def test_going_forward_again_first_finishes_a_rollback_that_was_killed_half_way(world, acts, promoted):
    with pytest.raises(Killed):
        way_back.roll_back(promoted, Process(world, steps_left=2))  # written down, not moved
    assert (world.saved().state, world.address) == (MigrationState.ROLLED_BACK, "qwen-14b")
    world.sick.add("qwen-14b")
    with pytest.raises(CloudgpuError, match="mistral keeps all requests"):
        forward.go_again(world.saved(), acts)
    assert world.address == "mistral"
