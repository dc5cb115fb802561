"""What is said of a new side that the migration never got to know the token of: it may have existed, and billed."""

from dataclasses import replace

import pytest
import typer

from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, InstanceFailedError
from cloudgpu.cli import session as sessions
from cloudgpu.cli.migrate import verbs
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import as_json, show_status
from cloudgpu.moving import closing, forward
from cloudgpu.moving.state import MigrationState
from cloudgpu.running.records import DeploymentState


@pytest.fixture
def told(session, move, capsys):
    """What `migrate status` says of the new side."""

    def tell(migration):
        capsys.readouterr()
        show_status(session, standing(session, migration))
        return next(line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("New"))

    return tell


@pytest.fixture
def loading(move):
    """A migration whose new side loads when the command is killed."""
    new = replace(move.desk.up("qwen"), service="mistral", state=DeploymentState.LOADING, ready_at=None)
    move.store.save_deployment(new)
    provisioning = move.migration.at(MigrationState.PROVISIONING)
    move.acts.save(provisioning)
    return provisioning


def test_one_that_was_aborted_while_it_loaded_is_gone_and_its_bill_is_said(session, move, loading, told, capsys):
    aborted = closing.abort(loading, move.acts)
    assert told(aborted) == "New      qwen: qwen on 1x RTX 4090 24 GB, gone"
    assert as_json(standing(session, aborted))["new"]["state"] == "gone"
    show_outcome(session, aborted, [], strict=False, as_json=False)
    assert "qwen is gone; it cost $" in capsys.readouterr().out


def test_one_that_failed_and_was_removed_is_gone(move, told, monkeypatch):
    monkeypatch.setattr(move.desk, "answers_after_s", 1e9)
    monkeypatch.setattr(move.desk, "prober", failing)
    with pytest.raises(CloudgpuError):
        forward.go_forward(move.migration, move.acts)
    assert move.saved().state is MigrationState.ABORTED
    assert told(move.saved()).endswith(", gone")


def test_one_whose_end_could_not_be_confirmed_is_told_also_once_gc_has_settled_it(move, loading, told):
    move.provider.deaf_to_destroy = True
    with pytest.raises(CleanupFailedError):
        closing.abort(loading, move.acts)
    assert ", cleanup_failed" in told(move.saved())
    move.provider.deaf_to_destroy = False
    move.desk.down(move.store.deployment("qwen"))
    assert told(move.saved()).endswith(", gone")


def test_status_ends_with_6_for_as_long_as_that_end_is_in_doubt_as_every_command_does(
    move, loading, session, monkeypatch
):
    monkeypatch.setattr(sessions, "open_session", lambda: session)
    move.provider.deaf_to_destroy = True
    with pytest.raises(CleanupFailedError):
        closing.abort(loading, move.acts)
    with pytest.raises(typer.Exit) as end:
        verbs.status(offline=True)
    assert end.value.exit_code == 6
    move.provider.deaf_to_destroy = False
    move.desk.down(move.store.deployment("qwen"))
    verbs.status(offline=True)


def test_one_that_was_never_asked_for_was_never_created(move, told):
    assert told(move.migration) == "New      qwen: not created yet"
    assert told(move.migration.at(MigrationState.ABORTED)) == "New      qwen: was never created"


def test_neither_an_earlier_life_of_the_name_nor_one_of_the_next_migration_is_taken_for_it(move, loading, told):
    closing.abort(loading, move.acts)
    later = utc_text(move.desk.clock.now())
    before = replace(move.migration, migration_id="m-0", created_at="2025-01-01T00:00:00Z").at(MigrationState.ABORTED)
    after = replace(move.migration, migration_id="m-2", created_at=later).at(MigrationState.ABORTED)
    for each in (before, after):
        move.acts.save(each)
        assert told(each).endswith("was never created")


def failing(*_):
    raise InstanceFailedError("out of memory", blames_launch=True)
