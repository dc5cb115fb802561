"""What a migration offers is what would be accepted: a way back that is none is not offered."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from made_up_world import a_migration

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.gateway import run as gateway_run
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
        (MigrationState.CANARY, "cloudgpu migrate abort, or cloudgpu migrate promote --full"),
        (MigrationState.PROMOTED, "close it first: cloudgpu migrate finalize"),
    ],
)
def test_stopping_a_gateway_in_a_migration_is_refused_with_what_closes_that(state, hint):
    body = a_migration(state=state, strategy=CANARY).as_body()
    session = SimpleNamespace(store=SimpleNamespace(open_migration=lambda _: body))
    with pytest.raises(ConflictError) as refusal:
        gateway_run._check_not_shared(session, "mistral")
    assert hint in refusal.value.hint
