"""Whoever shows a side of an open migration, or is asked for it, says that one's ways, and none that is refused."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import typer

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli import session as sessions
from cloudgpu.cli.doctor import run as doctor
from cloudgpu.cli.gc import run as gc_run
from cloudgpu.cli.left_behind import left_behind
from cloudgpu.cli.status import status
from cloudgpu.cli.sweeping import is_migrating
from cloudgpu.cli.up import run as up_run
from cloudgpu.moving.state import MigrationState
from cloudgpu.running.records import DeploymentState

WAYS = "go on: cloudgpu migrate resume; give qwen up: cloudgpu migrate abort"


@pytest.fixture
def new(move):
    """A new side that loads; the `migrate` that waited for it was killed."""
    ready = move.desk.up("qwen")
    loads = replace(ready, service="mistral", state=DeploymentState.LOADING, ready_at=None, launch_digest="d")
    move.store.save_deployment(loads)
    move.acts.save(move.migration.at(MigrationState.PROVISIONING))
    return loads


def test_what_a_killed_migrate_left_loading_is_told_with_the_migrations_own_ways(session, new):
    told = left_behind(session, new)
    assert "it bills: it is a side of the migration m-1 of mistral, which is provisioning: " in told
    assert told.endswith(WAYS)
    assert not re.search("cloudgpu (up|down)", told)


def test_status_ends_with_6_and_offers_no_removal_that_is_refused(session, new, monkeypatch, capsys):
    monkeypatch.setattr(sessions, "open_session", lambda: session)
    with pytest.raises(typer.Exit) as end:
        status(offline=True, every=False, as_json=False)
    said = capsys.readouterr().err
    assert end.value.exit_code == 6
    assert WAYS in said
    assert "cloudgpu down" not in said
    assert "or close it: cloudgpu migrate status" in said


def test_gc_and_doctor_say_the_same(session, new, capsys):
    stopped = replace(new, state=DeploymentState.STOPPED, last_error="its host stopped it")
    gc_run._say(session, stopped)
    assert "cloudgpu migrate abort" in capsys.readouterr().out
    assert WAYS in doctor._rented(session, new).text


@pytest.mark.parametrize("state", [DeploymentState.LOADING, DeploymentState.READY])
def test_up_of_a_side_is_refused_with_the_migrations_own_ways(session, move, new, monkeypatch, state):
    move.store.save_deployment(replace(new, state=state))
    monkeypatch.setattr(up_run, "open_session", lambda: session)
    monkeypatch.setattr(up_run, "wanted", lambda *_: None)
    with pytest.raises(ConflictError, match="qwen is a side of the migration m-1 of mistral") as refusal:
        up_run.run(SimpleNamespace(name="qwen"))
    assert refusal.value.hint.startswith(WAYS if state is DeploymentState.LOADING else "go on: ")
    assert refusal.value.hint.endswith("give the new one another --name")


def test_what_a_killed_up_left_is_gone_on_with_by_words_that_can_be_typed(session, new):
    other = replace(new, name="other", token="t-other", service="other")
    again = "cloudgpu up org/model --name other --provider paper"
    assert left_behind(session, other).endswith(f"{again} goes on with it, cloudgpu down other removes it")


def test_nothing_ends_a_new_side_by_itself_before_the_migration_knows_its_token(session, move, new):
    assert move.saved().new.token is None
    assert is_migrating(session, new)
