"""In the middle of a migration both sides serve, and what is told says how much each."""

from dataclasses import replace

import pytest
from made_up_world import a_migration

from cloudgpu.cli.migrate.shares import shares
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import show_moved, show_status
from cloudgpu.moving.footing import Footing
from cloudgpu.moving.gateway.route import ShareBy
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.moving.ways_on import ways_on

CANARY = Strategy(way=Way.CANARY, steps=(10, 60), pause_s=None)
DUAL = Strategy(way=Way.DUAL, steps=(100,), share_by=ShareBy.MODEL)


def at(strategy, **changes):
    return a_migration(state=MigrationState.CANARY, strategy=strategy, **changes)


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (CANARY, "10 % of the requests go to qwen-14b, 90 % to mistral"),
        (DUAL, "requests that ask for one side's own model go to it; of the others all go to qwen-14b"),
        (
            Strategy(way=Way.AB, steps=(50,), share_by=ShareBy.HEADER),
            "requests with X-Cloudgpu-Deployment: NAME go to that side; of the others 50 % go to qwen-14b, "
            "50 % to mistral",
        ),
        (Strategy(way=Way.DUAL, steps=(100,)), "all requests go to qwen-14b"),
    ],
)
def test_the_shares_are_told_as_the_requests_are_led(strategy, told):
    assert shares(at(strategy)) == told


def test_a_canary_s_closing_text_and_status_say_the_share_and_that_it_is_paused(session, move, capsys):
    paused = replace(
        move.migration, state=MigrationState.PAUSED, paused_at=MigrationState.CANARY, strategy=CANARY, step=1
    )
    show_moved(session, paused)
    told = capsys.readouterr().out
    assert "The migration m-1 is paused.\n" in told
    assert "The service mistral is shared: 60 % of the requests go to qwen, 40 % to mistral.\n" in told
    show_status(session, standing(session, paused))
    told = capsys.readouterr().out
    assert "served by both" in told
    assert "60 % of the requests go to qwen, 40 % to mistral" in told


@pytest.mark.parametrize(
    ("migration", "words"),
    [
        (at(CANARY), "give qwen-14b 60 %"),
        (at(CANARY, step=1), "give qwen-14b all requests"),
        (at(Strategy(way=Way.AB, steps=(50,))), "end the sharing, qwen-14b taking over"),
        (at(DUAL), "end the sharing, qwen-14b taking over"),
    ],
)
def test_what_promote_does_next_is_said_as_it_is(migration, words):
    (promote,) = [each for each in ways_on(migration, Footing()) if each.commands == ("cloudgpu migrate promote",)]
    assert promote.words == words
