"""A kill at any point loses nothing: after resume and finalize (or abort) exactly what should bill, bills."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from made_up_world import Killed, Process, World, a_migration

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving import closing, forward, resuming, way_back
from cloudgpu.moving.state import MigrationState

kill_points = st.lists(st.integers(min_value=0, max_value=14), max_size=6)
verbs = st.sampled_from([way_back.roll_back, closing.finalize, closing.abort, forward.go_again, resuming.resume])


def start(world, steps_left):
    with contextlib.suppress(Killed):
        forward.go_forward(a_migration(), Process(world, steps_left))


def do(verb, world, steps_left=None):
    """One run of the command line: it reads the journal, does the verb, may be refused, may be killed."""
    if "m-1" not in world.journal:
        return
    with contextlib.suppress(Killed, CloudgpuError):
        verb(world.saved(), Process(world, steps_left))
    check_address(world)


def check_address(world):
    assert world.names.get(world.address) in world.billing, "the address points to a side that is not alive"


def close(world):
    """What the hints tell a user to type until nothing is open."""
    for _ in range(4):
        if "m-1" not in world.journal or not world.saved().is_open:
            break
        do(resuming.resume, world)
        do(closing.finalize, world)


@given(kill_points)
def test_resume_then_finalize_after_any_kills_leaves_exactly_the_new_side(kills):
    world = World()
    start(world, kills[0] if kills else None)
    for steps_left in kills[1:]:
        do(resuming.resume, world, steps_left)
    close(world)
    if "m-1" not in world.journal:  # killed before anything was written down: nothing happened
        assert (world.billing, world.address) == ({"t-old"}, "mistral")
        return
    assert world.saved().state is MigrationState.STABLE
    assert (world.billing, world.address, world.rentals) == ({"t-new-0"}, "qwen-14b", 1)


@given(kill_points)
def test_abort_after_any_kills_before_the_promotion_leaves_exactly_the_old_side(kills):
    world = World()
    world.sick.add("qwen-14b")  # never promoted
    start_suppressing_objections(world, kills[0] if kills else None)
    for steps_left in kills[1:]:
        do(closing.abort, world, steps_left)
    do(closing.abort, world)
    assert (world.billing, world.address) == ({"t-old"}, "mistral")
    if "m-1" in world.journal:
        assert world.saved().state is MigrationState.ABORTED


def start_suppressing_objections(world, steps_left):
    with contextlib.suppress(CloudgpuError):
        start(world, steps_left)


@given(st.lists(st.tuples(verbs, st.none() | st.integers(min_value=0, max_value=14)), max_size=10))
def test_any_sequence_of_commands_and_kills_never_loses_the_address_or_an_instance(runs):
    world = World()
    start(world, None)
    for verb, steps_left in runs:
        do(verb, world, steps_left)
    close(world)
    assert not world.saved().is_open
    assert len(world.billing) == 1
    assert world.rentals == 1
    check_address(world)


@given(kill_points)
def test_a_creation_that_fails_after_any_kills_leaves_exactly_the_old_side(kills):
    world = World(creation_fails=True)
    start_suppressing_objections(world, kills[0] if kills else None)
    for steps_left in [*kills[1:], None]:
        do(resuming.resume, world, steps_left)
    assert (world.billing, world.address) == ({"t-old"}, "mistral")


deaths = st.sampled_from(["t-old", "t-new-0", None])


@given(
    st.lists(st.tuples(verbs, st.none() | st.integers(min_value=0, max_value=14), deaths, st.booleans()), max_size=8)
)
def test_sides_that_die_or_are_taken_down_never_take_the_other_one_with_them(runs):
    world = World()
    start(world, None)
    died = set()
    for verb, steps_left, death, by_hand in runs:
        if death and not world.saved().state.is_final and not died:
            died.add(death)
            world.billing -= set() if by_hand else {death}
            world.ending |= {death} if by_hand else set()  # `down`, which could not prove the end yet
        with contextlib.suppress(Killed, CloudgpuError):
            verb(world.saved(), Process(world, steps_left))
    world.gc()
    for verb in (resuming.resume, closing.abort, closing.finalize) * 3:
        with contextlib.suppress(CloudgpuError):
            verb(world.saved(), Process(world))
    assert not world.saved().is_open
    assert len(world.billing) <= 1
    if world.billing:
        check_address(world)
    else:
        assert world.address is None
