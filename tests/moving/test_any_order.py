"""Whatever happens in any order: requests have a healthy side to go to while there is one, and the right ones bill.

One run is a strategy and a list of happenings: a command (which may be killed at any of its acts), a side that dies or
falls ill or recovers, errors that clients meet, gates that cannot tell, a gateway that is gone, time that passes while
no tool is on, an end that a provider does not confirm. Then somebody types what the hints say until all is closed.
"""

import contextlib
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_world import Killed, Process, World, a_migration
from state_diagram import arrows

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving import closing, forward, resuming, way_back, window
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.live import Count
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way

ARROWS = arrows()
OLD, NEW = "mistral", "qwen-14b"
VERBS = (
    forward.promote, forward.go_again, way_back.pause, way_back.roll_back, window.look, window.advance, window.advance,
    closing.finalize, closing.abort, resuming.resume,
)  # fmt: skip
STRATEGIES = (
    Strategy(), Strategy(window_s=None), Strategy(auto_rollback=False),
    Strategy(way=Way.CANARY, steps=(10, 50), pause_s=300.0), Strategy(way=Way.CANARY, steps=(25,), pause_s=None),
    Strategy(way=Way.AB, steps=(50,)), Strategy(way=Way.DUAL, steps=(100,)),
)  # fmt: skip

MOODS = {
    "all recover": lambda world: [each.clear() for each in (world.sick, world.stopped, world.babbling, world.counts)],
    "new answers garbage": lambda world: world.babbling.add(NEW),
    "clients meet errors": lambda world: world.counts.update({NEW: Count(requests=1000, errors=400)}),
    "gates cannot tell": lambda world: setattr(world, "gates", Outcome.INCONCLUSIVE),
    "gates refuse": lambda world: setattr(world, "gates", Outcome.FAIL),
    "gates pass": lambda world: setattr(world, "gates", Outcome.PASS),
    "gateway gone": lambda world: setattr(world, "gateway_is_gone", True),
    "gateway back": lambda world: setattr(world, "gateway_is_gone", False),
    "an hour passes": lambda world: world.wait(3600),
    "ends are not confirmed": lambda world: world.cannot_be_destroyed.update(world.billing),
    "ends are confirmed": lambda world: world.cannot_be_destroyed.clear(),
}
MISHAPS = (
    "new dies", "old dies", "new is sick", "old is sick", "new is stopped", "old is stopped",
    "new is taken down by hand", *MOODS,
)  # fmt: skip

kill = st.none() | st.integers(min_value=0, max_value=16)
happenings = st.lists(
    st.tuples(st.sampled_from(VERBS), kill) | st.tuples(st.sampled_from(MISHAPS), st.none()), max_size=14
)


@dataclass
class Run:
    """One history of one world."""

    world: World
    cut_short: bool = False
    deaths: int = 0

    def begin(self, strategy, steps_left):
        self.act(lambda acts: forward.go_forward(a_migration(strategy=strategy), acts), steps_left)
        self.check()

    def act(self, act, steps_left):
        """A command; one that was killed, or had no gateway to tell, leaves the traffic to the next that is not."""
        try:
            act(Process(self.world, steps_left))
            self.cut_short = False
        except Killed:
            self.cut_short = True
        except CloudgpuError:
            self.cut_short = self.cut_short or self.world.gateway_is_gone

    def happen(self, what, steps_left):
        if isinstance(what, str):
            self.befall(what)
        elif "m-1" in self.world.journal:
            self.act(lambda acts: what(self.world.saved(), acts), steps_left)
        self.check()

    def befall(self, mishap):
        world, name = self.world, NEW if mishap.startswith("new") else OLD
        if mishap.endswith("dies"):
            world.billing.discard(world.names.get(name))
            self.deaths += 1
        elif mishap.endswith("is sick"):
            world.sick.add(name)
        elif mishap.endswith("is stopped"):
            world.stopped.add(name)
        elif mishap == "new is taken down by hand":
            world.ending |= {world.names.get(NEW)} & world.billing
            self.deaths += 1
        else:
            MOODS[mishap](world)

    def check(self):
        """A healthy side that may answer is asked, when there is one. What is destroyed the world checks itself."""
        world = self.world
        migration = world.saved() if "m-1" in world.journal else None
        healthy = {name for name in (OLD, NEW) if self.is_healthy(name)}
        if not (migration and migration.is_sharing):
            healthy.discard(NEW)  # it has not passed its gates
        closing_it = migration and (migration.ending or migration.state.is_final)
        if closing_it or self.cut_short or world.gateway_is_gone:
            return  # the next command puts it right; and what is left in the end is asked when all is closed
        told = {name for name in healthy if world.reaches(name)}
        assert told or not healthy, f"{healthy} would answer, requests go to {world.weights}, standby {world.standby}"

    def is_healthy(self, name):
        token = self.world.names.get(name)
        return token in self.world.billing - self.world.ending and name not in self.world.sick | self.world.stopped

    def close(self):
        """Everything is well again, and somebody types what the hints say."""
        world = self.world
        world.cannot_be_destroyed, world.gateway_is_gone, world.gates = set(), False, Outcome.PASS
        world.sick.clear()
        world.stopped.clear()
        world.babbling.clear()
        world.counts.clear()
        world.gc()
        for verb in (resuming.resume, forward.promote, closing.finalize, closing.abort) * 4:
            if world.saved().state.is_final:
                return
            with contextlib.suppress(CloudgpuError):
                verb(world.saved(), Process(world))


def history(strategy, steps_left, happened):
    run = Run(World())
    run.begin(strategy, steps_left)
    for what, killed_after in happened:
        run.happen(what, killed_after)
    if "m-1" not in run.world.journal:
        assert run.world.billing <= {"t-old"}
        return
    run.close()
    world, migration = run.world, run.world.saved()
    assert {(here, there) for here, there in world.taken if here != there} <= ARROWS, "a step without an arrow"
    assert migration.state.is_final, migration
    assert len(world.billing) <= 1, "exactly one side bills in the end, or none when both are gone"
    assert world.rentals <= 1 + run.deaths, "nothing is rented twice, unless it died"
    if world.billing:
        assert world.names[world.address] in world.billing, "requests go to the side that is left"
    if migration.state is MigrationState.ABORTED and "t-old" in world.billing:
        assert world.address == OLD


@given(st.sampled_from(STRATEGIES), kill, happenings)
@settings(max_examples=150, deadline=None)
def test_requests_have_a_side_to_go_to_and_the_right_ones_bill(strategy, steps_left, happened):
    history(strategy, steps_left, happened)


@pytest.mark.slow
@given(st.sampled_from(STRATEGIES), kill, happenings)
@settings(max_examples=1500, deadline=None)
def test_requests_have_a_side_to_go_to_and_the_right_ones_bill_in_many_runs(strategy, steps_left, happened):
    history(strategy, steps_left, happened)
