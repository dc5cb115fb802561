"""`cloudgpu migrate` as a user types it, where no provider needs to be asked."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import typer
from made_up_world import a_migration
from typer.testing import CliRunner

import cloudgpu.cli.migrate
from cloudgpu.base.errors import BadFileError, NotFoundError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.migration import Side
from cloudgpu.moving.recovery import Recovery
from cloudgpu.moving.state import Ending, MigrationState
from cloudgpu.running.records import Service
from cloudgpu.running.store import Store

RUNNER = CliRunner()
KEY = "sk-never-to-be-seen"


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("other")(lambda: None)
    cloudgpu.cli.migrate.register(app)
    return app


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAST_API_KEY", "CLOUDGPU_STORE", "RUNPOD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cloudgpu").mkdir()
    store = Store(f"sqlite:///{tmp_path / 'cloudgpu' / 'cloudgpu.db'}")
    store.save_service(Service(name="mistral", api_key=Secret(KEY), serving="mistral"))
    yield store
    store.close()


def keep(journal, migration):
    journal.save_migration(migration.migration_id, migration.service, migration.state.value, migration.as_body())


def run(app, *arguments):
    done = RUNNER.invoke(app, ["migrate", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_without_a_deployment_to_move_from_the_question_is_asked_back(app, journal):
    with pytest.raises(UsageError) as refusal:
        run(app)
    assert "--from NAME" in refusal.value.hint


def test_a_deployment_that_does_not_exist_is_said_with_what_to_do(app, journal):
    with pytest.raises(NotFoundError) as refusal:
        run(app, "--from", "nobody")
    assert "cloudgpu up" in refusal.value.hint


def test_a_golden_file_that_is_missing_is_said_before_anything_else(app, journal, tmp_path):
    with pytest.raises(BadFileError):
        run(app, "--from", "mistral", "--golden", str(tmp_path / "missing.txt"))


@pytest.mark.parametrize("option", ["--max-price", "--max-spend"])
def test_a_limit_that_is_no_amount_is_refused_before_anything_else(app, journal, option):
    for amount in ("0", "-1", "nan", "much"):
        with pytest.raises(UsageError, match=option):
            run(app, "--from", "mistral", option, amount)


@pytest.mark.parametrize("verb", ["rollback", "finalize", "abort", "resume", "status"])
def test_a_verb_without_an_open_migration_says_so(app, journal, verb):
    with pytest.raises(NotFoundError, match="no migration is open"):
        run(app, verb)


def test_a_name_that_is_no_open_migration_is_said(app, journal):
    keep(journal, a_migration(state=MigrationState.PROMOTED))
    with pytest.raises(NotFoundError, match="no open migration is called llama"):
        run(app, "rollback", "llama")


def test_with_several_open_migrations_one_must_be_named_to_act(app, journal):
    keep(journal, a_migration(state=MigrationState.PROMOTED))
    keep(journal, a_migration(migration_id="m-2", service="llama", state=MigrationState.PROMOTED))
    with pytest.raises(UsageError, match=r"m-1 \(mistral\), m-2 \(llama\)"):
        run(app, "rollback")
    assert "m-2" in run(app, "status", "llama").stdout


def test_status_shows_what_the_gates_found_and_the_ways_on(app, journal, move):
    new = move.desk.up("qwen-14b")
    for life in (move.old, new):
        journal.save_deployment(life)
    sides = {"old": Side("mistral", move.old.token), "new": Side("qwen-14b", new.token)}
    check = Check(gate="bench", name="TTFT", outcome=Outcome.FAIL, reason="TTFT is 4.20 times the old side's")
    verdict = Verdict(old="mistral", new="qwen-14b", at=datetime(2026, 1, 1, tzinfo=UTC), checks=(check,))
    keep(journal, a_migration(state=MigrationState.VALIDATING, verdict=verdict, problem="too slow", **sides))
    said = run(app, "status", "--offline").stdout
    for part in ("bench", "fail", "4.20 times", "too slow", "migrate abort", "migrate resume"):
        assert part in said


def test_only_a_side_that_passed_again_is_said_to_recover(app, journal):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    check = Check(gate="live", name="answers", outcome=Outcome.FAIL, reason="qwen-14b does not answer")
    live = Verdict(old="mistral", new="qwen-14b", at=moment, checks=(check,))
    failed = a_migration(state=MigrationState.PROMOTED, live=live, recovery=Recovery())
    keep(journal, failed)
    assert "passes again" not in run(app, "status", "--offline").stdout
    keep(journal, replace(failed, recovery=Recovery().passed(moment)))
    assert "passes again, 1 of 3" in run(app, "status", "--offline").stdout
    keep(journal, replace(failed, state=MigrationState.ROLLED_BACK, recovery=Recovery().passed(moment)))
    assert "passes again" not in run(app, "status", "--offline").stdout


def test_status_without_an_open_migration_shows_how_the_last_one_ended(app, journal):
    keep(journal, a_migration(state=MigrationState.STABLE))
    assert "stable" in run(app, "status").stdout


def test_a_failed_cleanup_makes_status_end_with_6(app, journal):
    keep(journal, a_migration(state=MigrationState.CLEANUP_FAILED, ending=Ending.ABORT, problem="may still bill"))
    done = run(app, "status")
    assert done.exit_code == 6
    assert "may still bill" in done.stdout


def test_no_output_holds_the_key_of_the_service(app, journal):
    keep(journal, a_migration(state=MigrationState.PROMOTED))
    for arguments in (("status",), ("status", "--json"), ("list",), ("list", "--json")):
        assert KEY not in run(app, *arguments).stdout


def test_the_list_holds_every_migration_and_an_empty_one_says_how_to_begin(app, journal):
    assert "cloudgpu migrate --from" in run(app, "list").stdout
    keep(journal, a_migration(state=MigrationState.ABORTED))
    keep(journal, replace(a_migration(), migration_id="m-2"))
    listed = json.loads(run(app, "list", "--json").stdout)["migrations"]
    assert [(each["migration_id"], each["state"]) for each in listed] == [("m-1", "aborted"), ("m-2", "planned")]
