"""Who follows a migration sees that it is watched: how it stands, what was seen, what changed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from made_up_world import a_migration

from cloudgpu.base.errors import StoppedByUserError
from cloudgpu.cli.migrate import sight
from cloudgpu.moving import forward
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way


@pytest.fixture
def followed(session, move, monkeypatch, capsys):
    """Follows a migration to its end on the clock of the provider on paper; returns the lines that were said."""
    monkeypatch.setattr(sight, "_AT_LEAST_REAL_S", 0.0)

    def follow(strategy):
        begun = forward.go_forward(replace(move.migration, strategy=strategy), move.acts)
        sight.watch(session, begun, [], until=lambda each: each.due is None)
        return [line for line in capsys.readouterr().err.splitlines() if not line.startswith("✓")]

    return follow


def test_who_follows_is_told_at_once_what_is_waited_for_and_every_few_minutes_what_was_seen(followed, move):
    lines = followed(Strategy(window_s=1200.0))
    began = (
        "Watching, a look every 15 s; Ctrl-C ends that alone. m-1 is promoted: all requests go to qwen; mistral goes"
    )
    assert lines[0].startswith(began)
    seen = [line for line in lines if "qwen answers; 0 of 0 requests failed on the new side" in line]
    assert len(seen) == 4, "at the first look, and every five minutes of the twenty"
    assert "is stable" in lines[-1]


def test_each_step_is_told_with_its_share_and_when_the_next_comes(capsys):
    strategy = Strategy(way=Way.CANARY, steps=(10, 60))
    due = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    first = a_migration(state=MigrationState.CANARY, strategy=strategy, due=due)
    second = replace(first, step=1)
    sight._tell(first, second)
    sight._tell(second, replace(second, state=MigrationState.PROMOTED))
    assert capsys.readouterr().err.splitlines() == [
        "m-1 is canary: 60 % of the requests go to qwen-14b, 40 % to mistral; the next step comes after 12:00 UTC.",
        "m-1 is promoted: all requests go to qwen-14b; mistral goes after 12:00 UTC.",
    ]


def test_nothing_is_said_where_nothing_is_waited_for(followed):
    assert followed(Strategy(window_s=None)) == []


def test_ctrl_c_between_two_looks_says_what_goes_on_billing_and_how_to_go_on(session, move, monkeypatch):
    promoted = forward.go_forward(move.migration, move.acts)

    class Interrupted:
        def sleep(self, _seconds):
            raise KeyboardInterrupt

    monkeypatch.setattr(sight, "SystemClock", Interrupted)
    with pytest.raises(StoppedByUserError, match="m-1 is promoted, and what runs goes on billing") as stop:
        sight.watch(session, promoted, [], until=lambda each: each.due is None)
    assert "cloudgpu migrate follow" in stop.value.hint
