"""What is offered goes by what answers, and can be typed: in every state, however both sides stand."""

import copy
import itertools
import re
from dataclasses import replace

import pytest
from made_up_world import Process, World, a_migration

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving import closing, forward, resuming, way_back, window
from cloudgpu.moving.footing import Footing, Stand
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.migration import Side
from cloudgpu.moving.sides import footing_now
from cloudgpu.moving.state import Ending, MigrationState
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.moving.untold import Untold
from cloudgpu.moving.ways_on import BEFORE_SHARING, in_words, ways_on

OLD, NEW = "mistral", "qwen-14b"
CANARY = Strategy(way=Way.CANARY, steps=(10,), pause_s=None, auto_rollback=False)
STANDS = (Stand.ANSWERS, Stand.SILENT, Stand.STOPPED, Stand.GOING, Stand.GONE)
UNTOLD = Untold(service=OLD, deployment=NEW, previous=OLD, command="reload", failure="it ended with 3", output="")
CREATED = {"new": Side(NEW, "t-new-0")}
TYPED = {
    "resume": resuming.resume, "promote": forward.promote, "finalize": closing.finalize, "abort": closing.abort,
    "rollback": way_back.roll_back, "follow": window.advance, "--from": forward.go_again,
}  # fmt: skip


def planned(world):
    return a_migration()


def provisioning(world):
    rented(world)
    return a_migration(state=MigrationState.PROVISIONING)


def warming(world):
    rented(world)
    return a_migration(state=MigrationState.WARMING, **CREATED)


def validating(world):
    rented(world)
    return a_migration(state=MigrationState.VALIDATING, **CREATED)


def refused(world):
    return paused_at_the_gates(world).at(MigrationState.VALIDATING)


def paused_at_the_gates(world):
    world.gates = Outcome.INCONCLUSIVE
    now = forward.go_forward(a_migration(strategy=CANARY), Process(world))
    world.gates = Outcome.PASS
    return now


def canary(world):
    return forward.go_forward(a_migration(strategy=CANARY), Process(world))


def paused_canary(world):
    return way_back.pause(canary(world), Process(world))


def promoted(world):
    return forward.go_forward(a_migration(), Process(world))


def promoted_untold(world):
    return replace(promoted(world), untold=UNTOLD)


def rolled_back(world):
    return way_back.roll_back(promoted(world), Process(world))


def rolled_back_untold(world):
    return replace(rolled_back(world), untold=UNTOLD)


def keeping_new(world):
    return replace(promoted(world), ending=Ending.KEEP_NEW)


def keeping_old(world):
    return replace(rolled_back(world), ending=Ending.KEEP_OLD)


def aborting(world):
    return replace(rolled_back(world), ending=Ending.ABORT)


STATES = (
    planned, provisioning, warming, validating, refused, paused_at_the_gates, canary, paused_canary, promoted,
    promoted_untold, rolled_back, rolled_back_untold, keeping_new, keeping_old, aborting,
)  # fmt: skip


def rented(world):
    world.names[NEW], world.rentals = "t-new-0", 1
    world.billing.add("t-new-0")


def put(world, name, stand):
    """Let a side stand so."""
    token = world.names.get(name)
    if stand is Stand.SILENT:
        world.sick.add(name)
    if stand is Stand.STOPPED:
        world.stopped.add(name)
    if stand is Stand.GOING:
        world.ending |= {token} & world.billing
    if stand is Stand.GONE:
        world.billing.discard(token)
    if stand in (Stand.GOING, Stand.GONE) and world.standby == name:
        world.standby = None


def type_all(world, migration, way):
    """What is offered is never refused; a new machine that is rented on the way may not pass its gates."""
    for command in way.commands:
        try:
            migration = type_it(world, migration, command)
        except CloudgpuError as error:
            if migration.state not in BEFORE_SHARING[:2] or "mistral keeps all requests" not in error.message:
                raise


def type_it(world, migration, command):
    """Do what a user does who types it. Raises what it raises."""
    words = command.removeprefix("cloudgpu ").split()
    if words[0] == "down":
        world.down(words[1])
        return migration
    options = {each.removeprefix("--"): True for each in words[2:] if each in ("--full", "--force")}
    return TYPED[words[1]](migration, Process(world), **options)


def made(state, old, new):
    world = World()
    migration = state(world)
    Process(world).save(migration)
    put(world, OLD, old)
    put(world, NEW, new)
    return world, migration


@pytest.mark.parametrize("state", STATES, ids=lambda each: each.__name__)
def test_whatever_is_offered_is_accepted_and_never_ends_the_only_side_that_answers(state):
    for old, new in itertools.product(STANDS, STANDS):
        world, migration = made(state, old, new)
        footing = footing_now(migration, Process(world))
        answer = [name for name, stand in ((OLD, footing.old), (NEW, footing.new)) if stand is Stand.ANSWERS]
        offered = ways_on(migration, footing)
        assert offered, (old, new)
        for way in [each for each in offered if each.once is None]:
            there = copy.deepcopy(world)
            type_all(there, migration, way)
            if len(answer) == 1 and not any(each in way.what for each in ("all the same", "all that is left")):
                assert world.names[answer[0]] in there.billing, (old, new, way)


@pytest.mark.parametrize("state", [warming, validating, paused_at_the_gates, canary, paused_canary, rolled_back])
@pytest.mark.parametrize("old", STANDS[1:])
def test_with_the_old_side_dead_the_first_way_leads_requests_to_the_new_one(state, old):
    world, migration = made(state, old, Stand.ANSWERS)
    way = ways_on(migration, footing_now(migration, Process(world)))[0]
    type_all(world, migration, way)
    assert world.weights.get(NEW), way
    assert "t-new-0" in world.billing


def test_at_a_pause_at_the_gates_what_is_offered_goes_by_what_answers():
    migration = paused_at_the_gates(World())

    def offered(**stands):
        return in_words(ways_on(migration, Footing(**stands)))

    assert offered() == (
        "give qwen-14b its share: cloudgpu migrate promote; ask both again: cloudgpu migrate resume; "
        "give qwen-14b up: cloudgpu migrate abort"
    )
    assert offered(old=Stand.SILENT) == (
        "lead all requests to qwen-14b, and stop paying for mistral: cloudgpu migrate promote --full, then "
        "cloudgpu migrate finalize; give qwen-14b up all the same: cloudgpu migrate abort --force"
    )
    assert offered(new=Stand.SILENT) == (
        "give qwen-14b up: cloudgpu migrate abort; once qwen-14b answers, ask both again: cloudgpu migrate resume"
    )


def test_where_several_are_open_every_word_of_a_migration_names_its_own():
    for state in STATES:
        world, migration = made(state, Stand.ANSWERS, Stand.ANSWERS)
        alone, named = (ways_on(migration, footing_now(migration, Process(world)), name) for name in (None, "chat"))
        for one, other in zip(alone, named, strict=True):
            for command, told in zip(one.commands, other.commands, strict=True):
                verb = re.sub(r"^(cloudgpu migrate [a-z]+)", r"\1 chat", command)
                assert told == (verb if "migrate --from" not in command else command)


def test_of_an_old_side_that_loads_again_it_is_not_said_to_stop_paying():
    migration = canary(World())
    assert "finalize" not in str(ways_on(migration, Footing(old=Stand.COMING))[0])


def test_a_canary_that_recovers_is_offered_no_larger_share():
    world = World()
    migration = canary(world)
    world.sick.add(NEW)
    migration = window.look(migration, Process(world))
    world.sick.clear()
    assert migration.is_recovering
    assert "promote" not in in_words(ways_on(migration, Footing()))


def test_what_was_stopped_before_it_ever_answered_is_offered_another_machine_or_the_end():
    migration = provisioning(World())
    ways = ways_on(migration, Footing(new=Stand.STOPPED))
    assert [each.commands for each in ways] == [
        ("cloudgpu down qwen-14b --force", "cloudgpu migrate resume"), ("cloudgpu migrate abort",),
    ]  # fmt: skip
    assert str(ways_on(migration, Footing(new=Stand.OUTBID))[0]) == (
        "once its bid wins again, go on: cloudgpu migrate resume"
    )


def test_a_look_notes_who_answers_before_anybody_has_a_share():
    world = World()
    for state in (warming, validating, paused_at_the_gates, rolled_back):
        world = World()
        migration = state(world)
        Process(world).save(migration)
        world.sick.add(OLD)
        now = window.look(migration, Process(world))
        assert (now.old_answers, now.new_answers) == (False, True)
        assert world.saved() == now
        assert window.look(now, Process(world, steps_left=2)) == now, "what is no news is not written down"


def test_what_was_seen_before_the_gates_is_forgotten_once_they_have_asked_both():
    world = World()
    migration = warming(world)
    Process(world).save(migration)
    world.sick.add(OLD)
    migration = window.look(migration, Process(world))
    world.sick.clear()
    assert resuming.resume(migration, Process(world)).old_answers


def test_a_refusal_offers_what_answers_allow():
    world, migration = made(paused_at_the_gates, Stand.SILENT, Stand.ANSWERS)
    for verb in (closing.abort, closing.finalize, way_back.roll_back, forward.go_again):
        with pytest.raises(Exception, match="mistral") as refusal:
            verb(migration, Process(world))
        assert "cloudgpu migrate promote --full, then cloudgpu migrate finalize" in refusal.value.hint
