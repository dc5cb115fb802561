"""What is told of a migration says what goes back by itself, what only a look does, and that nobody looks."""

from dataclasses import replace

import pytest

from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.strategy import steps_told
from cloudgpu.cli.migrate.view import show_choices
from cloudgpu.moving import forward, way_back
from cloudgpu.moving.strategy import Strategy, Way

ASK = Strategy(way=Way.CANARY, steps=(10,), pause_s=None)
AB = Strategy(way=Way.AB, steps=(50,))


def steps(strategy=None, **changes):
    told = {"rents": True, "behind_gateway": True, "follows": False} | changes
    return steps_told(strategy or Strategy(), "mistral", "qwen", **told)


@pytest.mark.parametrize("strategy", [Strategy(), ASK, AB, Strategy(window_s=None)])
def test_a_plan_says_that_a_regression_waits_for_a_look_and_that_nothing_looks_by_itself(strategy):
    assert steps(strategy)[-1] == (
        "go back at a regression that a look finds; nothing looks by itself: type cloudgpu migrate follow, or let cron "
        "run cloudgpu migrate follow --once"
    )


def test_a_plan_says_that_past_the_window_both_bill_until_a_look():
    assert "keep mistral warm for 1 h 00 min, and until a look after that removes it: both bill till then" in steps()


def test_only_a_gateway_is_promised_to_leave_a_dead_side_at_once():
    assert "send all requests to qwen; the gateway asks mistral at once when qwen is dead" in steps()
    assert "send all requests to qwen" in steps(behind_gateway=False)


def test_a_command_that_follows_says_that_it_looks_and_what_ctrl_c_ends():
    told = steps(follows=True)
    assert told[-2].endswith("look all the while; go back at a regression, else remove mistral then")
    assert told[-1] == "after Ctrl-C nothing looks and both bill on, until: cloudgpu migrate follow"


def test_without_automatic_rollback_a_look_only_says_it():
    assert steps(Strategy(auto_rollback=False))[-1].startswith("only say a regression that a look finds")


@pytest.fixture
def told(session, move, capsys):
    def choices(migration, **known):
        show_choices(replace(standing(session, migration), **known))
        return capsys.readouterr().out

    return choices


def test_a_promotion_ends_with_what_bills_until_which_look(move, told):
    promoted = forward.go_forward(move.migration, move.acts)
    said = told(promoted)
    assert f"per hour until a look after {promoted.due:%H:%M} UTC removes it." in said
    assert "A regression goes back at a look. Nothing looks by itself: type cloudgpu migrate follow, or let" in said
    assert "gateway" not in said
    assert "A side that dies is left at once: the gateway asks the other one." in told(promoted, has_gateway=True)


def test_a_rollback_says_until_when_the_new_side_bills_and_promises_no_look(move, told):
    said = told(way_back.roll_back(forward.go_forward(move.migration, move.acts), move.acts))
    assert "per hour until finalize or abort." in said
    assert "a look" not in said
