"""A migration as a value: it comes back from the journal as it was, and takes no wrong turn."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from made_up_world import a_migration

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.gateway.route import ShareBy
from cloudgpu.moving.live import Baseline, Count
from cloudgpu.moving.migration import Agreed, Migration
from cloudgpu.moving.state import Ending, MigrationState, can_follow
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.moving.untold import Untold

UNTOLD = Untold(
    service="mistral", deployment="qwen-14b", previous="mistral", command="reload", failure="it failed", output="no",
)  # fmt: skip


def test_a_migration_comes_back_from_the_journal_as_it_was():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    check = Check(gate="live", name="errors", outcome=Outcome.FAIL, reason="they failed", old=0.0, new=0.5)
    verdict = Verdict(old="mistral", new="qwen-14b", at=at, checks=(check,))
    kept = a_migration(
        ending=Ending.KEEP_OLD, hook="reload", problem="it broke", verdict=verdict, live=verdict, due=at, step=1,
        agreed=Agreed(usd_per_hour=Decimal("0.32550"), wait_s=600.0, spend_usd=Decimal("1.5")), extended=2,
        strategy=Strategy(way=Way.CANARY, steps=(10, 50), pause_s=None, share_by=ShareBy.HEADER, window_s=None),
        baseline=Baseline(old=Count(requests=3), new=Count(errors=2, ttft_s=0.5)), gates="larger-model", golden="g",
        state=MigrationState.PAUSED, paused_at=MigrationState.CANARY, untold=UNTOLD,
    )  # fmt: skip
    assert Migration.from_body(json.loads(json.dumps(kept.as_body()))) == kept


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
