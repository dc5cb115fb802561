"""With several migrations open, what is printed can be typed."""

from dataclasses import replace

import pytest

from cloudgpu.base.errors import ConflictError, UsageError
from cloudgpu.cli.migrate import acting, sight, world
from cloudgpu.cli.migrate.acting import act
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import as_json, show_status
from cloudgpu.cli.migrate.world import meant_migration
from cloudgpu.moving import closing, forward, way_back
from cloudgpu.moving.migration import Side
from cloudgpu.moving.state import MigrationState


@pytest.fixture
def commands(session, monkeypatch):
    monkeypatch.setattr(world, "end_like_ctrl_c", lambda: None)
    for where in (acting, sight):
        monkeypatch.setattr(where, "open_session", lambda: session)


@pytest.fixture
def promoted(move, commands):
    return forward.go_forward(move.migration, move.acts)


@pytest.fixture
def another(move, promoted):
    """A second one is open, of the service `chat`; its new side will be called as the first one's service is."""
    other = replace(promoted, migration_id="m-2", service="chat", old=Side("chat"), new=Side("mistral"))
    move.store.save_migration("m-2", "chat", other.state.value, other.as_body())
    return other


def test_what_is_shown_names_the_migration_while_another_is_open(session, move, promoted, another, capsys):
    now = standing(session, promoted)
    show_status(session, now)
    assert "cloudgpu migrate rollback mistral\n" in capsys.readouterr().out
    assert "cloudgpu migrate finalize mistral" in now.hint
    assert ["cloudgpu migrate follow mistral"] in [list(each["commands"]) for each in as_json(now)["next"]]
    closed = replace(another, state=MigrationState.STABLE)
    move.store.save_migration("m-2", "chat", closed.state.value, closed.as_body())
    assert "mistral" not in standing(session, promoted).ways[0].commands[0]


def test_what_a_refusal_offers_names_it_too(move, promoted, another):
    with pytest.raises(ConflictError) as refusal:
        closing.abort(promoted, move.acts)
    assert "cloudgpu migrate rollback mistral" in refusal.value.hint


def test_a_service_is_told_from_a_side_of_that_name(session, promoted, another):
    assert meant_migration(session, "mistral") == promoted
    assert meant_migration(session, "chat") == another


def test_a_verb_without_a_name_says_how_to_name_one(promoted, another):
    with pytest.raises(UsageError, match=r"several migrations are open: m-1 \(mistral\), m-2 \(chat\)") as refusal:
        act("rollback", None, way_back.roll_back)
    assert "cloudgpu migrate status mistral" in refusal.value.hint
