"""What a migration offers is what would be accepted: a way back that is none is not offered."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.gateway.needed import check_not_needed
from cloudgpu.cli.migrate.view import show_status, standing
from cloudgpu.moving import forward
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.running.records import DeploymentState

CANARY = Strategy(way=Way.CANARY, steps=(10,), pause_s=None)


@pytest.fixture
def shown(move, tmp_path, capsys):
    """What `migrate status` prints of the promoted migration, changed so."""
    session = SimpleNamespace(store=move.store, settings=SimpleNamespace(state_dir=tmp_path))
    promoted = forward.go_forward(move.migration, move.acts)

    def show(**changes):
        capsys.readouterr()
        show_status(session, standing(session, replace(promoted, **changes)))
        return capsys.readouterr().out

    return show


def test_while_the_old_side_answers_the_way_back_is_offered(shown):
    said = shown(old_answers=True)
    assert "Way back until" in said
    assert "cloudgpu migrate rollback" in said


def test_of_an_old_side_that_is_gone_no_way_back_is_offered(move, shown):
    move.desk.down(move.old)
    said = shown(due=datetime(2026, 1, 1, tzinfo=UTC))
    assert "mistral is gone.\nThere is no way back now." in said
    assert "none: mistral is gone or going" in said
    assert "rollback" not in said
    assert "Way back until" not in said
    assert "Close it with qwen alone:  cloudgpu migrate finalize" in said


@pytest.mark.parametrize("dead", [True, False])
def test_a_dead_old_side_is_told_with_what_it_costs_and_how_to_stop_paying(move, shown, dead):
    if dead:
        move.store.save_deployment(replace(move.store.life(move.old.token), state=DeploymentState.FAILED))
    said = shown(old_answers=None if dead else False)
    assert "There is no way back now." in said
    assert "none: mistral does not answer" in said
    assert "mistral does not answer, and bills $" in said
    assert "Stop paying for mistral:  cloudgpu migrate finalize" in said
    assert "rollback" not in said


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        (MigrationState.CANARY, "give qwen up: cloudgpu migrate abort"),
        (MigrationState.PROMOTED, "keep qwen alone: cloudgpu migrate finalize"),
    ],
)
def test_stopping_a_gateway_in_a_migration_is_refused_with_what_closes_that(session, move, state, hint):
    promoted = forward.go_forward(move.migration, move.acts)
    move.acts.save(replace(promoted, state=state, strategy=CANARY))
    with pytest.raises(ConflictError, match="needs its gateway") as refusal:
        check_not_needed(session, "mistral")
    assert hint in refusal.value.hint


def test_a_migration_of_which_no_side_is_left_needs_no_gateway(session, move):
    forward.go_forward(move.migration, move.acts)
    for side in (move.old, move.new()):
        move.desk.down(side)
    check_not_needed(session, "mistral")
