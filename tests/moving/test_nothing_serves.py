"""A `replace` whose new side never came leaves a service without anybody: that is said, with what brings it back."""

import json
import shlex
from dataclasses import replace

import pytest
from emulated_service import TO_QWEN, Market

from cloudgpu.base.errors import CloudgpuError, InvalidRequestError, NotFoundError
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import show_status
from cloudgpu.cli.migrate.world import at_work, meant_migration
from cloudgpu.emulator import process
from cloudgpu.moving import forward
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way

BACK = "cloudgpu up org/model --name mistral --provider paper"


@pytest.fixture
def failed(session, move, monkeypatch):
    """The error of a `replace` whose new side no offer served."""
    migration = replace(move.migration, strategy=Strategy(way=Way.REPLACE))
    move.provider.faults["create"] = [InvalidRequestError("the disk is too small", hint="take a larger one")]
    monkeypatch.setattr("cloudgpu.cli.migrate.world.end_like_ctrl_c", lambda: None)
    with pytest.raises(CloudgpuError) as failure, at_work(session, migration, "start"):
        forward.go_forward(migration, move.acts)
    assert (move.provider.billing(), move.saved().state) == ([], MigrationState.ABORTED)
    return failure.value


def test_the_error_says_that_nothing_serves_and_what_brings_it_back(failed):
    assert isinstance(failed, InvalidRequestError)
    assert failed.message.startswith("nothing serves mistral now: mistral went first, and qwen did not come up: ")
    assert "the disk is too small" in failed.message
    assert failed.hint == f"bring mistral back: {BACK}; for another try: take a larger one"


def test_status_and_what_finds_no_open_migration_say_it_too(failed, session, move, capsys):
    show_status(session, standing(session, move.saved()))
    said = capsys.readouterr().out
    assert "served by nothing " in said
    assert f"Nothing serves mistral now.\nBring mistral back:  {BACK}\n" in said
    with pytest.raises(NotFoundError) as refusal:
        meant_migration(session, None)
    assert refusal.value.hint == f"bring mistral back: {BACK}"
    show_outcome(session, move.saved(), [], strict=True, as_json=False)
    assert BACK in capsys.readouterr().out


def test_what_was_asked_of_the_old_side_is_asked_again(failed, session, move, tmp_path):
    (tmp_path / "launches").mkdir()
    asked = {"tools": True, "reasoning": False, "template": None, "variables": {"A": "b c"}, "withheld": []}
    (tmp_path / "launches" / f"{move.old.launch_digest}.json").write_text(json.dumps({"asked": asked}))
    (way,) = standing(session, move.saved()).ways
    assert way.commands == (f"{BACK} --tools --set 'A=b c'",)


def test_once_something_comes_up_for_the_service_it_is_not_offered_again(failed, session, move, capsys):
    move.desk.up("mistral")
    assert standing(session, move.saved()).ways == ()
    show_status(session, standing(session, move.saved()))
    assert "Nothing serves" not in capsys.readouterr().out


@pytest.mark.slow  # a real failure, and the offered words typed at a real provider's API
def test_what_is_offered_brings_the_service_back(tmp_path):
    here = Market(tmp_path, speed=0)
    try:
        here.run("up", "mistral", "--provider", "emulator", "--yes", "--name", "chat")
        here.run("emulator", "fault", "add", "instance", "oom", "--times", "1000")
        words = [each if each != "mistral" else "chat" for each in TO_QWEN]
        failed = here.begin(*words, "--strategy", "replace", "--json")
        error = json.loads(failed.communicate(timeout=300)[0])["error"]  # ends as the last offer did: 1, or 5
        here.run("emulator", "fault", "clear")
        told = json.loads(here.run("migrate", "status", "--json"))["migration"]
        (command,) = told["next"][0]["commands"]
        assert (told["state"], told["serving"]) == ("aborted", None)
        assert f"bring chat back: {command}" in error["hint"]
        here.run(*shlex.split(command)[1:], "--yes")
        told = json.loads(here.run("migrate", "status", "--json"))["migration"]
        assert (told["serving"], told["next"]) == ("chat", [])
        assert [each["model"] for each in here.alive()] == ["mistralai/Mistral-7B-Instruct-v0.2"]
    finally:
        here.session.store.close()
        process.stop(here.state_dir)
