"""A hook that could not be told of a move is not forgotten: nothing is deleted by itself before it was told."""

import json
from dataclasses import replace

import pytest
from made_up_world import Killed

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli.migrate import acting, sight, world
from cloudgpu.cli.migrate.acting import act
from cloudgpu.cli.migrate.sight import follow_it
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import as_json, show_status
from cloudgpu.moving import closing, forward, resuming, running_acts, way_back, window
from cloudgpu.moving.address import read
from cloudgpu.moving.gates.verdict import Check, Outcome
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.moving.untold import Untold

SAYS = 'echo "$CLOUDGPU_PREVIOUS $CLOUDGPU_DEPLOYMENT" >> told; echo no such proxy; exit $(cat status)'

READY = Check(gate="readiness", name="ready", outcome=Outcome.PASS, reason="it is ready")


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """A hook whose exit status is what is written to the returned file; `told` has a line for each of its runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "status").write_text("3")
    return tmp_path / "status"


@pytest.fixture
def promoted(move, hook):
    return forward.go_forward(replace(move.migration, hook=SAYS), move.acts)


@pytest.fixture
def commands(session, monkeypatch):
    monkeypatch.setattr(world, "end_like_ctrl_c", lambda: None)
    for where in (acting, sight):
        monkeypatch.setattr(where, "open_session", lambda: session)


def bills(move):
    return [each.name for each in move.store.deployments()]


def test_what_a_hook_could_not_be_told_is_kept_with_the_migration(move, promoted):
    assert promoted.state is MigrationState.PROMOTED
    assert promoted.untold.told == (
        "the hook could not be told that mistral is served by qwen now: the hook ended with status 3"
    )
    assert (promoted.untold.previous, promoted.untold.output) == ("mistral", "no such proxy")
    assert move.saved() == promoted


def test_status_says_so_as_text_and_as_json(session, promoted, capsys):
    now = standing(session, promoted)
    show_status(session, now)
    said = " ".join(capsys.readouterr().out.split())
    assert "the hook could not be told that mistral is served by qwen now" in said
    assert "(no such proxy)" in said
    assert as_json(now)["untold"]["failure"] == "the hook ended with status 3"
    assert now.ways[0].commands == ("cloudgpu migrate resume",)


def test_the_end_of_the_window_deletes_nothing_while_the_hook_is_untold_and_says_so(move, promoted):
    move.desk.clock.sleep(3601)
    kept = window.advance(promoted, move.acts)
    assert (bills(move), kept.extended, kept.state) == (["mistral", "qwen"], 1, MigrationState.PROMOTED)
    assert "mistral is kept longer, because the hook could not be told" in kept.problem
    assert kept.due > move.desk.clock.now()


def test_a_window_of_no_length_is_extended_all_the_same(move, hook):
    now = forward.go_forward(replace(move.migration, hook=SAYS, strategy=Strategy(window_s=0.0)), move.acts)
    assert window.advance(now, move.acts).due > move.desk.clock.now()
    assert bills(move) == ["mistral", "qwen"]


@pytest.mark.parametrize("again", [window.look, resuming.resume])
def test_the_next_look_and_resume_tell_the_hook_again(move, promoted, hook, again):
    assert again(promoted, move.acts).untold is not None
    hook.write_text("0")
    assert again(move.saved(), move.acts).untold is None
    assert move.saved().untold is None
    again(move.saved(), move.acts)
    told = (hook.parent / "told").read_text().splitlines()
    assert told[1:] == ["mistral qwen"] * 3, "what was told is not told again"
    move.desk.clock.sleep(3601)
    assert window.advance(move.saved(), move.acts).state is MigrationState.STABLE


def test_of_a_rollback_too_the_hook_is_told_again(move, promoted, hook):
    back = way_back.roll_back(promoted, move.acts)
    assert (back.untold.previous, back.untold.deployment) == ("qwen", "mistral")
    hook.write_text("0")
    assert window.look(back, move.acts).untold is None


def test_a_move_that_the_hook_hears_of_makes_good_the_one_that_it_did_not(move, promoted, hook):
    hook.write_text("0")
    assert way_back.roll_back(promoted, move.acts).untold is None


def test_without_a_way_back_the_migration_stays_open_until_the_hook_was_told(move, hook, monkeypatch):
    monkeypatch.setattr(running_acts, "readiness_checks", lambda *_, **__: [READY])
    gone = replace(move.migration, hook=SAYS, strategy=Strategy(way=Way.REPLACE, window_s=0.0))
    now = forward.go_forward(gone, move.acts)
    assert (now.state, bills(move)) == (MigrationState.PROMOTED, ["qwen"])
    hook.write_text("0")
    assert resuming.resume(now, move.acts).state is MigrationState.STABLE


def test_the_command_that_moved_ends_with_1_and_says_that_the_move_is_done(move, promoted, commands, capsys):
    with pytest.raises(CloudgpuError, match="could not be told that mistral is served by mistral now") as refusal:
        act("rollback", None, way_back.roll_back)
    assert refusal.value.exit_status == 1
    assert "run the hook again: cloudgpu migrate resume" in refusal.value.hint
    said = capsys.readouterr()
    assert "The service mistral is served by mistral." in said.out
    assert "The address has moved all the same." in said.err


def test_a_look_from_cron_ends_with_1_until_the_hook_was_told(promoted, commands, hook):
    with pytest.raises(CloudgpuError, match="the hook could not be told"):
        follow_it(None, once=True, as_json=False)
    hook.write_text("0")
    follow_it(None, once=True, as_json=False)


def test_finalize_says_it_and_goes_on(move, promoted, commands, capsys):
    act("finalize", None, closing.finalize, ends=lambda each: each.spare, yes=True)
    assert (bills(move), move.saved().state) == (["qwen"], MigrationState.STABLE)
    assert "! the hook could not be told that mistral is served by qwen now" in capsys.readouterr().err
    assert move.saved().untold is not None


def test_what_is_untold_stands_in_the_json_of_a_move(promoted, commands, capsys):
    with pytest.raises(Exception, match="1"):
        act("rollback", None, way_back.roll_back, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["hook"]["output"] == told["migration"]["untold"]["output"] == "no such proxy"
    assert "could not be told" in told["error"]["message"]


@pytest.mark.parametrize("before_it_is_written", [True, False])
def test_a_kill_right_after_the_hook_failed_forgets_nothing(move, hook, monkeypatch, before_it_is_written):
    def dies():
        published = read("mistral", hook.parent)
        if published and published.deployment == "qwen":
            raise Killed

    with monkeypatch.context() as patch:
        where = (Untold, "after") if before_it_is_written else (running_acts, "note_work")
        patch.setattr(*where, lambda *_, **__: dies())
        with pytest.raises(Killed):
            forward.go_forward(replace(move.migration, hook=SAYS), move.acts)
    again = window.look(move.saved(), move.acts)
    assert again.untold.deployment == "qwen"
    move.desk.clock.sleep(3601)
    assert window.advance(again, move.acts).extended == 1
