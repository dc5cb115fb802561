"""What `gc` and `status` say of a race that was killed: which machine counts, which ones are to go, and what bills."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import typer

from cloudgpu.cli import session as sessions
from cloudgpu.cli import sweeping
from cloudgpu.cli.gc import run as gc_run
from cloudgpu.cli.status import status
from cloudgpu.running.deployment import DeploymentState, end_spares, is_left_behind
from cloudgpu.running.deployment.coming_back import ready_when_it_answers
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.label import new_token


@pytest.fixture
def session(desk, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(gc_run, "withdraw", lambda _: [])
    monkeypatch.setattr(gc_run, "check_providers", lambda names: names)
    monkeypatch.setattr(sweeping, "has_key", lambda *_: False)
    monkeypatch.setattr(sweeping, "awake", lambda _, deployment: deployment)
    opened = SimpleNamespace(
        store=desk.store, provider=lambda name: desk.provider, clock=lambda name: desk.clock, emit=desk.store.append,
        settings=SimpleNamespace(state_dir=desk.path), emulator_status=lambda: None, is_asleep=lambda _: False,
        stands_on_copy=False,
    )  # fmt: skip
    monkeypatch.setattr(sessions, "open_session", lambda: opened)
    return opened


@pytest.fixture
def killed(desk, make_offer):
    """Three machines of one name, none of which anybody waits for."""
    first = replace(desk.up(), ready_at=None, state=DeploymentState.LOADING)
    desk.store.save_deployment(first)
    for number in (8, 9):
        desk.provider.offers[str(number)] = make_offer(number)
        token = new_token(desk.store.store_id, "mistral", desk.clock.now() + timedelta(hours=1))
        made = desk.provider.create(make_offer(number), None, token)
        desk.store.save_deployment(
            replace(first, token=token, instance_id=made, state=DeploymentState.STARTING, endpoint=None)
        )
    return first


def gc(session, **options):
    defaults = {"destroy": False, "expired": False, "foreign": False, "yes": True, "as_json": False}
    return gc_run.run(session, ["paper"], **{**defaults, **options})


def test_of_three_lives_of_one_name_one_is_gone_on_with_and_the_others_are_to_go(session, killed, capsys):
    with pytest.raises(typer.Exit) as end:
        gc(session)
    said = "".join(capsys.readouterr())
    assert end.value.exit_code == 6
    assert said.count("goes on with it") == 1
    assert said.count("left by a race that was cut") == 2
    assert "NAME" in said


def test_what_raced_with_the_one_that_answered_is_removed_by_the_up_that_hands_it_over(desk, killed):
    winner = replace(killed, state=DeploymentState.READY, ready_at=desk.clock.now())
    desk.store.save_deployment(winner)
    end_spares(winner, **desk.tools)
    assert desk.provider.billing() == [winner.instance_id]
    assert [each.token for each in desk.store.living("mistral")] == [winner.token]


def test_what_was_left_behind_is_not_called_nothing(session, killed, capsys):
    with pytest.raises(typer.Exit):
        gc(session, destroy=True)
    capsys.readouterr()
    with pytest.raises(typer.Exit) as end:
        gc(session)
    said = capsys.readouterr()
    assert end.value.exit_code == 6
    assert "no command waits for it, and it bills" in said.err
    assert "Nothing else that is unwanted bills." in said.out


@pytest.mark.parametrize("as_json", [True, False])
def test_status_ends_with_6_while_nobody_waits_for_it(session, desk, killed, capsys, as_json):
    with pytest.raises(typer.Exit) as end:
        status(offline=True, as_json=as_json)
    assert end.value.exit_code == 6
    assert "no command waits for it, and it bills" in capsys.readouterr().err
    with desk.store.lock(lock_name("mistral"), "up mistral"):
        status(offline=True, as_json=as_json)
    assert "no command waits" not in capsys.readouterr().err


def test_what_was_adopted_without_a_key_is_not_asked_and_was_left_behind_by_nobody(desk, killed):
    nobodys = replace(killed, api_key=None, service="unknown", launch_digest=None)
    desk.store.save_deployment(nobodys)
    assert ready_when_it_answers(nobodys, *desk.tools.values(), prober=desk.prober) == nobodys
    assert not is_left_behind(nobodys, desk.store)
