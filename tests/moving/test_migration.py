"""A migration as a value: it comes back from the journal as it was, and takes no wrong turn."""

from decimal import Decimal
from itertools import product

import pytest
from made_up_world import a_migration

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.comparison import Comparison, Reply
from cloudgpu.moving.migration import Agreed, Migration
from cloudgpu.moving.state import Ending, MigrationState, can_follow


def test_a_migration_comes_back_from_the_journal_as_it_was():
    compared = (Comparison(question="?", old=Reply(text="a", ttft_s=1.5, total_s=2.0), new=Reply(error="no")),)
    agreed = Agreed(usd_per_hour=Decimal("0.32550"), wait_s=600.0, spend_usd=Decimal("1.5"))
    kept = a_migration(ending=Ending.KEEP_OLD, hook="reload", comparisons=compared, problem="it broke", agreed=agreed)
    assert Migration.from_body(kept.as_body()) == kept


def test_a_record_from_before_agreements_were_kept_can_still_be_read():
    body = a_migration().as_body()
    del body["agreed"]
    assert Migration.from_body(body) == a_migration()


def test_columns_that_the_store_adds_to_a_body_do_no_harm():
    body = a_migration().as_body() | {"id": "m-1", "seq": 3}
    assert Migration.from_body(body) == a_migration()


def test_nothing_follows_the_end():
    for end, after in product((MigrationState.STABLE, MigrationState.ABORTED), MigrationState):
        assert can_follow(end, after) == (end is after)


def test_every_state_can_reach_an_end():
    def reaches(state, seen=frozenset()):
        following = {s for s in MigrationState if can_follow(state, s)} - seen - {state}
        return state.is_final or any(reaches(s, seen | {state}) for s in following)

    assert all(reaches(state) for state in MigrationState)


def test_a_wrong_turn_is_refused():
    with pytest.raises(ConflictError):
        a_migration().at(MigrationState.STABLE)
