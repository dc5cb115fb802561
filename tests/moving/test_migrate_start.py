"""Between the price that is shown and the yes to it another terminal may act: what it did counts, not what was seen."""

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import typer

from cloudgpu.base.errors import CloudgpuError, ConflictError, UsageError
from cloudgpu.cli.deployment_view import show_open_migrations
from cloudgpu.cli.migrate import acting, sight, start, world
from cloudgpu.cli.migrate.asking import Carried, OwnWords
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.rental import Caps
from cloudgpu.cli.migrate.start import Wish
from cloudgpu.cli.migrate.target import Target
from cloudgpu.cli.migrate.view import closing_question, show_choices, standing
from cloudgpu.moving import closing, forward, resuming, running_acts, way_back
from cloudgpu.moving.gates.judge import Judgement
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.state import Ending, MigrationState
from cloudgpu.moving.strategy import Strategy
from cloudgpu.serving.asked import AskedWords

NEEDS = SimpleNamespace(model=SimpleNamespace(model_id="org/model", short_name="qwen", parameters=7))


class Killed(BaseException):
    """The process of the other terminal is no more."""


@pytest.fixture
def session(move, tmp_path, monkeypatch):
    monkeypatch.setattr(world, "end_like_ctrl_c", lambda: None)
    return SimpleNamespace(
        store=move.store, settings=SimpleNamespace(state_dir=tmp_path), provider=lambda _: move.provider,
        clock=lambda _: move.desk.clock, emit=move.store.append,
    )  # fmt: skip


@pytest.fixture
def meanwhile(monkeypatch):
    """What happens in another terminal while the question stands in this one, where the answer is yes."""

    def set_up(act):
        monkeypatch.setattr(start.render, "confirm", lambda _question: act() or True)

    return set_up


def a_wish(**changes):
    values = {
        "old": "mistral", "to": "qwen", "plan": None, "provider": None, "name": "qwen",
        "gates": None, "golden": None, "hook": None,
        "budget": None, "strategy": Strategy(), "asked": OwnWords(), "follow": False,
        "force": False, "send_hf_token": False, "caps": Caps(), "dry_run": False, "yes": False, "as_json": False,
    }  # fmt: skip
    return Wish(**{**values, **changes})


def go_again(session, move, wish=None):
    start._go_again(session, wish or a_wish(), move.saved(), move.old, NEEDS)


@pytest.fixture
def rolled_back(move):
    return way_back.roll_back(forward.go_forward(move.migration, move.acts), move.acts)


def test_a_migration_that_another_terminal_began_to_close_is_not_revived(session, move, rolled_back, meanwhile):
    def finalize_and_be_killed():
        move.provider.faults["destroy"] = [Killed()]
        with pytest.raises(Killed):
            closing.finalize(rolled_back, move.acts)

    meanwhile(finalize_and_be_killed)
    with pytest.raises(ConflictError, match="in the middle of a migration already"):
        go_again(session, move)
    assert (move.saved().ending, move.acts.serving("mistral")) == (Ending.KEEP_OLD, "mistral")


def test_a_migration_that_another_terminal_closed_is_not_revived(session, move, rolled_back, meanwhile):
    meanwhile(lambda: closing.finalize(rolled_back, move.acts) and None)
    with pytest.raises(ConflictError, match="was closed meanwhile"):
        go_again(session, move)
    assert move.saved().state is MigrationState.STABLE


def test_the_wishes_are_applied_to_the_migration_as_it_is_then(session, move, rolled_back, meanwhile):
    meanwhile(lambda: None)
    go_again(session, move, a_wish(hook="true", force=True))
    now = move.saved()
    assert (now.state, now.hook, now.force) == (MigrationState.PROMOTED, "true", True)


def test_a_hook_that_fails_is_told_in_the_json_as_well_and_ends_with_1(session, move, rolled_back, capsys):
    with pytest.raises(typer.Exit, match="1"):
        go_again(session, move, a_wish(hook="echo no such proxy; exit 7", yes=True, as_json=True))
    told = json.loads(capsys.readouterr().out)
    assert told["hook"] == {
        "command": "echo no such proxy; exit 7", "failure": "the hook ended with status 7", "output": "no such proxy",
    }  # fmt: skip
    assert told["migration"]["state"] == "promoted"


@pytest.fixture
def begin(session, move, monkeypatch, tmp_path):
    """A new migration, with a plan whose offers are those of the provider on paper."""
    plan = SimpleNamespace(needs=SimpleNamespace(model=NEEDS.model, hours=24))
    monkeypatch.setattr(start, "plan_today", lambda *_: (plan, None))
    monkeypatch.setattr(start, "request_for_plan", lambda *_: move.acts.request_for(move.migration))
    monkeypatch.setattr(start, "carried", lambda *_: Carried(AskedWords(), ()))
    monkeypatch.setattr(start, "save_plan", lambda *_: None)
    monkeypatch.setattr(start, "check_budget_for", lambda *_: None)
    return lambda: start._begin(session, a_wish(), move.old, Target(NEEDS, None))


def test_only_one_of_two_terminals_begins_a_migration(session, move, begin, meanwhile):
    meanwhile(lambda: move.acts.save(move.migration))
    with pytest.raises(ConflictError, match="in the middle of a migration already"):
        begin()
    assert len(move.provider.billing()) == 1
    assert [each["id"] for each in move.store.migrations()] == ["m-1"]


def test_nothing_is_rented_beside_an_old_side_that_was_removed_meanwhile(session, move, begin, meanwhile):
    meanwhile(lambda: move.desk.down(move.old) and None)
    with pytest.raises(CloudgpuError, match="mistral"):
        begin()
    assert (move.provider.billing(), move.store.migrations()) == ([], [])


def test_a_new_side_that_runs_already_cannot_be_started_in_another_way(session, move, rolled_back, monkeypatch):
    monkeypatch.setattr(start, "open_session", lambda: session)
    monkeypatch.setattr(start, "the_old_side", lambda *_: move.old)
    monkeypatch.setattr(start, "target_of", lambda *_: Target(NEEDS, None))
    with pytest.raises(UsageError, match="runs already"):
        start.start(a_wish(asked=OwnWords(tools=True)))


def test_what_was_agreed_is_kept_with_the_migration(session, move, begin, meanwhile):
    meanwhile(lambda: None)
    begin()
    (body,) = move.store.migrations()
    request = move.acts.request_for(move.migration)
    most = max(request.limits.cap(rental) for rental in request.rentals[:3])
    agreed = move.migration.from_body(body).agreed
    assert (agreed.usd_per_hour, agreed.spend_usd) == (most, request.limits.spend_usd(request.rentals))


def test_a_side_in_charge_that_is_gone_is_said_before_the_migration_is_closed(session, move, capsys):
    promoted = forward.go_forward(move.migration, move.acts)
    assert closing_question(session, promoted, promoted.old) == "Destroy mistral for good?"
    move.desk.down(move.new())
    assert closing_question(session, promoted, promoted.old).startswith("qwen is gone.")
    show_choices(standing(session, promoted))
    told = capsys.readouterr().out
    assert "qwen is gone" in told
    assert "migrate finalize" in told


def test_a_look_that_comes_to_nothing_shows_what_was_recorded(session, move, monkeypatch, capsys):
    promoted = forward.go_forward(move.migration, move.acts)
    monkeypatch.setattr(sight, "look", lambda *_: _raise(CloudgpuError("HAProxy is not installed")))
    assert sight.look_once(session, promoted) == promoted
    assert "Shown as it was recorded: HAProxy is not installed" in capsys.readouterr().err


def test_a_watch_goes_on_after_a_look_that_came_to_nothing_and_ends_with_the_window(session, move, monkeypatch):
    promoted = forward.go_forward(replace(move.migration, strategy=Strategy(window_s=60.0)), move.acts)
    failures = [CloudgpuError("the gateway cannot be started")]
    real = sight.advance
    monkeypatch.setattr(sight, "_AT_LEAST_REAL_S", 0.0)
    monkeypatch.setattr(sight, "advance", lambda *a: _raise(failures.pop()) if failures else real(*a))
    done = sight.watch(session, promoted, [], until=lambda each: each.due is None)
    assert (done.state, len(move.provider.billing())) == (MigrationState.STABLE, 1)


def test_a_rollback_that_happened_by_itself_is_no_success_for_a_script(session, move, capsys):
    promoted = forward.go_forward(move.migration, move.acts)
    back = way_back.back_to_old(promoted, move.acts, problem="rolled back by itself: it errs")
    with pytest.raises(CloudgpuError, match="mistral has all requests again: rolled back by itself"):
        show_outcome(session, back, [], strict=True, as_json=False)
    capsys.readouterr()
    with pytest.raises(typer.Exit) as end:
        show_outcome(session, back, [], strict=True, as_json=True)
    told = json.loads(capsys.readouterr().out)  # one document, which holds both
    assert (end.value.exit_code, told["migration"]["state"]) == (1, "rolled_back")
    assert "rolled back by itself" in told["error"]["message"]


@pytest.fixture
def act(session, move, monkeypatch):
    """What a verb does, on the provider on paper."""
    monkeypatch.setattr(acting, "open_session", lambda: session)
    monkeypatch.setattr(acting, "at_work", lambda *_: contextlib.nullcontext(move.told.append))
    monkeypatch.setattr(acting, "acts_on", lambda *_: move.acts)
    return acting.act


def test_a_resume_that_ends_in_a_pause_is_no_success_for_a_script(move, act, monkeypatch):
    unclear = Check(gate="bench", name="TTFT", outcome=Outcome.INCONCLUSIVE, reason="too few samples")
    verdict = Verdict(old="mistral", new="qwen", at=move.desk.clock.now(), checks=(unclear,))
    monkeypatch.setattr(running_acts, "judge", lambda *_, **__: Judgement(verdict=verdict, evidence=None))
    forward.go_forward(move.migration, move.acts)
    with pytest.raises(CloudgpuError, match="the gates cannot tell: too few samples") as refusal:
        act("resume", None, resuming.resume, goes_on=True)
    assert "migrate promote" in refusal.value.hint


def test_a_resume_that_finishes_a_rollback_is_what_it_was_meant_to_be(move, act, capsys):
    promoted = forward.go_forward(move.migration, move.acts)
    way_back.back_to_old(promoted, move.acts, problem="rolled back by itself: it errs")
    act("resume", None, resuming.resume, goes_on=True)
    assert "mistral is served by mistral" in capsys.readouterr().out


def _raise(error):
    raise error


def told_of_open_migrations(session, capsys):
    show_open_migrations(session, session.store.deployments())
    return " ".join(capsys.readouterr().out.split())


def test_status_names_both_sides_before_the_record_of_the_migration_knows_the_new_one(session, move, capsys):
    there = forward.go_forward(move.migration, move.acts)
    move.acts.save(replace(there, state=MigrationState.PROVISIONING, new=replace(there.new, token=None)))
    said = told_of_open_migrations(session, capsys)
    assert f"is provisioning; {there.old.name} and {there.new.name} bill until it is closed" in said


def test_status_names_the_only_side_that_is_left(session, move, capsys):
    there = forward.go_forward(move.migration, move.acts)
    move.desk.down(move.new())
    assert f"; {there.old.name} bills until it is closed" in told_of_open_migrations(session, capsys)


def test_a_golden_file_that_is_too_small_to_conclude_from_is_said_before_anything_is_rented(
    session, move, begin, monkeypatch, tmp_path, capsys
):
    (tmp_path / "golden.yaml").write_text("tests: [{vars: {question: '1 + 1?'}, assert: [{type: contains, value: 2}]}]")
    monkeypatch.setattr(start, "open_session", lambda: session)
    monkeypatch.setattr(start, "the_old_side", lambda *_: move.old)
    monkeypatch.setattr(start, "target_of", lambda *_: Target(NEEDS, None))
    start.start(a_wish(golden=str(tmp_path / "golden.yaml"), dry_run=True))
    said = " ".join(capsys.readouterr().err.split())
    assert "1 golden prompt is too few to conclude from; 10 are needed" in said
    assert (move.provider.billing(), move.store.migrations()) == ([move.old.instance_id], [])


def test_a_hook_beside_the_user_is_kept_with_its_whole_path(session, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hook.sh").touch(mode=0o755)
    monkeypatch.setattr(start, "open_session", lambda: session)
    monkeypatch.setattr(start, "the_old_side", lambda *_: SimpleNamespace(service="mistral"))
    monkeypatch.setattr(start, "target_of", lambda *_: None)
    monkeypatch.setattr(start, "check_in_charge", lambda *_: None)
    monkeypatch.setattr(start, "_begin", lambda _session, wish, *_: kept.append(wish.hook))
    kept = []
    start.start(a_wish(hook="./hook.sh --now"))
    assert kept == [f"{tmp_path}/hook.sh --now"]


def test_a_hook_that_could_never_run_is_refused_before_anything_is_asked(session, monkeypatch):
    monkeypatch.setattr(start, "open_session", lambda: session)
    with pytest.raises(UsageError, match="no program '/no/such/hook'"):
        start.start(a_wish(hook="/no/such/hook --now"))
