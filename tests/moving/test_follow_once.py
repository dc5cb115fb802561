"""One look from cron says what it found and what it did, and ends with 1 when something is wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloudgpu.base.errors import CloudgpuError, ConflictError
from cloudgpu.cli.migrate import sight as cli_sight
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.sight import follow_it
from cloudgpu.moving import forward
from cloudgpu.moving.running_acts import RunningActs
from cloudgpu.moving.state import Ending, MigrationState
from cloudgpu.running import health
from cloudgpu.running.health import Health


@pytest.fixture
def answers(move, session, monkeypatch):
    """Sets how both sides answer; a promoted migration is open."""
    monkeypatch.setattr(cli_sight, "open_session", lambda: session)
    forward.go_forward(move.migration, move.acts)

    said = Health(ready=True, phase="ready", detail="", text="Paris.")
    monkeypatch.setattr(health, "_says", lambda *_: said)
    observe = RunningActs.observe

    def answer(*, ready):
        silent = {} if ready else {"old_is_healthy": False, "refusal": "/health answers 503"}
        monkeypatch.setattr(RunningActs, "observe", lambda *asked: replace(observe(*asked), **silent))

    return answer


def test_a_look_that_finds_all_well_says_who_serves(move, answers, capsys):
    answers(ready=True)
    follow_it(None, once=True, as_json=False)
    assert "mistral is served by qwen" in capsys.readouterr().out


def test_a_look_that_finds_both_sides_silent_says_so_and_ends_with_1(move, answers):
    answers(ready=False)
    with pytest.raises(CloudgpuError, match="503; mistral does not answer either, so nothing was moved") as found:
        follow_it(None, once=True, as_json=False)
    assert found.value.exit_status == 1


def test_a_window_that_is_extended_is_said_and_so_is_what_is_missing_once_the_new_side_answers(move, answers, capsys):
    answers(ready=False)
    move.desk.clock.sleep(3601)
    with pytest.raises(CloudgpuError, match="mistral is kept longer, because qwen is in doubt"):
        follow_it(None, once=True, as_json=False)
    assert "! mistral is kept until" in capsys.readouterr().err
    answers(ready=True)
    move.desk.clock.sleep(1801)
    with pytest.raises(CloudgpuError, match="1 of 3 looks so far; mistral goes after 3 that pass over 10 minutes"):
        follow_it(None, once=True, as_json=False)
    move.desk.clock.sleep(300)
    follow_it(None, once=True, as_json=False)  # it passes, and nothing is due yet
    move.desk.clock.sleep(300)
    follow_it(None, once=True, as_json=False)
    assert move.saved().state is MigrationState.STABLE


@pytest.fixture
def cut_short(move, answers, monkeypatch):
    """The window is over; the first attempt to remove the old side is cut off."""
    answers(ready=True)
    move.desk.clock.sleep(3601)
    monkeypatch.setattr(cli_sight, "_AT_LEAST_REAL_S", 0.0)
    destroy = RunningActs.destroy

    def refuse(acts, side):
        monkeypatch.setattr(RunningActs, "destroy", destroy)
        raise ConflictError(f"{side.name} is at work")

    monkeypatch.setattr(RunningActs, "destroy", refuse)


def test_an_end_that_was_cut_off_is_finished_by_the_next_look(move, cut_short):
    with pytest.raises(ConflictError, match="mistral is at work"):
        follow_it(None, once=True, as_json=False)
    assert move.saved().ending is Ending.KEEP_NEW
    follow_it(None, once=True, as_json=False)
    assert (move.saved().state, bills(move)) == (MigrationState.STABLE, ["qwen"])


def test_who_follows_stays_until_the_old_side_is_gone(move, cut_short):
    began = move.desk.clock.now()
    follow_it(None, once=False, as_json=False)
    assert (move.saved().state, bills(move)) == (MigrationState.STABLE, ["qwen"])
    assert move.desk.clock.now() - began >= timedelta(seconds=15), "what was refused is not asked for without a pause"


def test_an_end_that_is_not_finished_is_no_success_for_a_script(session, move, answers):
    closing = replace(move.saved(), ending=Ending.KEEP_NEW)
    with pytest.raises(CloudgpuError, match="is not closed yet") as refusal:
        show_outcome(session, closing, [], strict=True, as_json=False)
    assert "migrate resume" in refusal.value.hint


def bills(move):
    return [each.name for each in move.store.deployments()]
