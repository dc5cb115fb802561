"""How often the providers are asked: within a moment one listing shows both sides, and an act rests on a fresh one."""

from collections import Counter
from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import UnreachableError
from cloudgpu.moving import closing, forward, running_acts, way_back, window
from cloudgpu.moving.state import MigrationState


@pytest.fixture
def asked(move):
    """How often the provider was asked for a listing since it was last counted."""
    calls = Counter()
    move.provider.hook = lambda method: calls.update([method])

    def listings():
        return calls.pop("instances", 0)

    return SimpleNamespace(listings=listings)


@pytest.fixture
def promoted(move):
    return forward.go_forward(move.migration, move.acts)


def test_a_migration_asks_for_three_listings_once_its_new_side_is_up(move, asked, monkeypatch):
    up = running_acts.bring_up
    monkeypatch.setattr(running_acts, "bring_up", lambda *a, **k: (up(*a, **k), asked.listings())[0])
    judge = running_acts.judge
    monkeypatch.setattr(running_acts, "judge", lambda *a, **k: (move.desk.clock.sleep(60), judge(*a, **k))[1])
    done = forward.go_forward(move.migration, move.acts)
    assert (done.state, asked.listings()) == (MigrationState.PROMOTED, 3)  # warming, validating, sharing


@pytest.mark.parametrize(
    ("act", "listings"),
    [
        (window.look, 1),
        (way_back.roll_back, 1),
        (closing.finalize, 2),  # the second proves the end
    ],
)
def test_a_command_asks_for_one_listing_and_a_proof_for_one_more(move, asked, promoted, act, listings):
    asked.listings()
    act(promoted, move.acts)
    assert asked.listings() == listings


def test_a_moment_is_over_after_two_seconds(move, asked, promoted):
    asked.listings()
    for pause_s in (0, 1.9, 0.1, 1.9):
        move.desk.clock.sleep(pause_s)
        assert move.acts.exists(promoted.new)
        assert move.acts.exists(promoted.old)
    assert asked.listings() == 2


def test_what_is_written_down_ends_the_moment_so_the_next_act_looks_for_itself(move, asked, promoted):
    assert move.acts.exists(promoted.new)
    asked.listings()
    move.acts.save(promoted)
    assert move.acts.exists(promoted.new)
    assert asked.listings() == 1


def test_an_end_that_somebody_asked_for_meanwhile_is_seen_within_the_moment(move, asked, promoted):
    assert move.acts.is_healthy(promoted.new)
    move.desk.down(move.new())
    asked.listings()
    assert not move.acts.exists(promoted.new)
    assert asked.listings() == 0


def test_a_listing_that_failed_is_asked_for_again_and_proves_nothing(move, asked, promoted):
    asked.listings()
    move.provider.faults["instances"] = [UnreachableError("no answer")]
    assert move.acts.exists(promoted.old)
    assert move.acts.exists(promoted.new)
    assert asked.listings() == 2
