"""With several migrations open, what is printed can be typed."""

import json
from dataclasses import replace

import pytest
import typer

from cloudgpu.base.errors import CleanupFailedError, ConflictError, UsageError
from cloudgpu.cli import session as cli_session
from cloudgpu.cli.migrate import acting, sight, verbs, world
from cloudgpu.cli.migrate.acting import act
from cloudgpu.cli.migrate.sight import follow_it
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import as_json, show_status
from cloudgpu.cli.migrate.world import meant_migration
from cloudgpu.moving import closing, forward, way_back
from cloudgpu.moving.migration import Side
from cloudgpu.moving.state import MigrationState


@pytest.fixture
def commands(session, monkeypatch):
    monkeypatch.setattr(world, "end_like_ctrl_c", lambda: None)
    monkeypatch.setattr(sight, "_AT_LEAST_REAL_S", 0.0)
    for where in (acting, sight, cli_session):
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


@pytest.fixture
def looks(another, monkeypatch):
    """What a look does to each migration, by its id; nothing for those that are not named."""
    done = {}

    def look(migration, acts):
        done.setdefault("order", []).append(migration.migration_id)
        return done.get(migration.migration_id, lambda each, _: each)(migration, acts)

    monkeypatch.setattr(sight, "advance", look)
    monkeypatch.setattr(sight, "look", look)
    return done


def fails(error):
    def look(_migration, _acts):
        raise error

    return look


def closed(migration, acts):
    acts.save(replace(migration, state=MigrationState.STABLE))
    return replace(migration, state=MigrationState.STABLE)


def test_the_look_of_cron_looks_at_all_that_are_open(looks, capsys):
    looks["m-2"] = closed
    follow_it(None, once=True, as_json=False)
    assert looks["order"] == ["m-1", "m-2"]
    said = capsys.readouterr().out
    assert "The service mistral is served by qwen" in said
    assert "The service chat is served by nothing; the migration is stable." in said


def test_a_look_that_fails_keeps_nobody_from_looking_at_the_next_and_the_worst_is_the_exit_status(looks, capsys):
    looks["m-1"] = fails(CleanupFailedError("mistral may still bill"))
    looks["m-2"] = lambda each, _: replace(each, problem="chat is in doubt")
    with pytest.raises(typer.Exit) as end:
        follow_it(None, once=True, as_json=True)
    assert (end.value.exit_code, looks["order"]) == (6, ["m-1", "m-2"])
    one, other = json.loads(capsys.readouterr().out)["migrations"]
    assert (one["migration"]["migration_id"], one["error"]["message"]) == ("m-1", "mistral may still bill")
    assert (other["migration"]["service"], other["error"]["message"]) == ("chat", "chat is in doubt")


def test_with_a_name_one_is_looked_at_and_its_document_is_as_ever(looks, capsys):
    follow_it("mistral", once=True, as_json=True)
    assert looks["order"] == ["m-1"]
    assert json.loads(capsys.readouterr().out)["migration"]["migration_id"] == "m-1"


def test_who_follows_watches_all_until_none_goes_on(looks, move):
    def goes_on(migration, acts):
        return closed(migration, acts) if looks["order"].count(migration.migration_id) == 3 else migration

    looks["m-1"], looks["m-2"] = goes_on, closed
    follow_it(None, once=False, as_json=False)
    assert looks["order"] == ["m-1", "m-2", "m-1", "m-1"]


def test_who_follows_goes_on_with_the_others_when_an_end_cannot_be_confirmed(looks):
    looks["m-1"], looks["m-2"] = fails(CleanupFailedError("mistral may still bill")), closed
    with pytest.raises(typer.Exit, match="6"):
        follow_it(None, once=False, as_json=False)
    assert looks["order"] == ["m-1", "m-2"]


def test_status_without_a_name_shows_all_that_are_open(looks, capsys):
    verbs.status()
    said = capsys.readouterr().out
    assert "m-1: mistral → qwen, promoted" in said
    assert "m-2: chat → mistral, promoted" in said
    verbs.status(as_json=True)
    assert [each["migration"]["service"] for each in json.loads(capsys.readouterr().out)["migrations"]] == [
        "mistral",
        "chat",
    ]
    verbs.status("chat", as_json=True)
    assert json.loads(capsys.readouterr().out)["migration"]["service"] == "chat"
