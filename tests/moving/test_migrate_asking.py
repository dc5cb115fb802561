"""What was asked of the old side is asked of the new one, as far as it means something there."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import NotFoundError, UsageError
from cloudgpu.cli.launch_record import write_down
from cloudgpu.cli.migrate import rental
from cloudgpu.cli.migrate.asking import OwnWords, carried
from cloudgpu.cli.migrate.rental import Caps, agreement, request_again, request_for_plan
from cloudgpu.cli.profile.files import asked_at_launch, launched
from cloudgpu.cli.template_choice import asked_again, asked_of, words_of
from cloudgpu.moving.state import MigrationState
from cloudgpu.serving.asked import AskedWords
from cloudgpu.serving.template_folders import find_template
from tests.serving.planning import planned


@pytest.fixture
def session(move, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return SimpleNamespace(store=move.store, settings=SimpleNamespace(state_dir=tmp_path))


@pytest.fixture
def new_side(session, move):
    """What is asked of a new side, after an `up` of the old one with these words."""

    def asked(model, *, template=None, settings=(), own=None, tools=False, reasoning=False):
        asked_before = asked_of(template, settings, tools=tools, reasoning=reasoning)
        write_down(session.settings.state_dir, move.desk.request("mistral"), asked_before)
        return carried(session, move.old, planned(model), own or OwnWords())

    return asked


def test_nothing_asked_before_is_nothing_asked_now(new_side):
    assert new_side("qwen-14b").words == AskedWords()


def test_tools_go_along_to_a_model_that_can_call_them(new_side):
    assert new_side("qwen-14b", tools=True).words == AskedWords(tools=True)


def test_what_the_new_model_cannot_do_is_left_out_and_said(new_side):
    found = new_side("qwen-14b", tools=True, reasoning=True)
    assert (found.words.tools, found.words.reasoning) == (True, False)
    (said,) = found.left_out
    assert "--reasoning" in said
    assert "goes without" in said


def test_own_words_stand_above_what_was_asked_before(new_side):
    assert new_side("qwen-14b", tools=True, own=OwnWords(tools=False)).words == AskedWords()
    assert new_side("qwen-14b", own=OwnWords(tools=True)).words == AskedWords(tools=True)
    assert new_side("qwen-14b", reasoning=True, own=OwnWords(reasoning=True)).left_out == ()


def test_a_template_goes_along_with_its_variables_and_own_ones_stand_above_them(new_side):
    vllm = new_side("qwen-14b", template="vllm")
    assert vllm.words.template == "vllm"
    own = OwnWords(template="vllm-vision", variables={"B": "2"})
    assert new_side("qwen-14b", template="vllm", own=own).words == AskedWords(
        template="vllm-vision", variables={"B": "2"}
    )


def test_a_template_of_another_engine_or_one_that_is_gone_is_left_out_and_said(new_side, tmp_path):
    found = new_side("qwen-14b", template="sglang")
    assert found.words == AskedWords()
    assert "starts sglang" in found.left_out[0]
    with pytest.raises(NotFoundError):
        new_side("qwen-14b", own=OwnWords(template="no-such-template"))


def test_a_side_that_is_not_written_down_here_carries_nothing(session, move):
    found = carried(session, move.old, planned("qwen-14b"), OwnWords())
    assert found.words == AskedWords()
    assert "not rented from here" in found.left_out[0]


def test_what_may_be_rented_for_the_new_side_is_written_down_first_as_up_does_it(session, move, monkeypatch):
    request = replace(move.desk.request("qwen"), service="mistral")
    monkeypatch.setattr(rental, "_request_today", lambda *_: request)
    migration = replace(
        move.migration, state=MigrationState.PROVISIONING, agreed=agreement(request), asked=AskedWords(tools=True)
    )
    request_again(session, migration)
    digest, state_dir = request.rentals[0].launch_digest, session.settings.state_dir
    assert launched(state_dir, digest).image == request.rentals[0].launch.image
    assert asked_at_launch(state_dir, digest) == AskedWords(tools=True)
    assert asked_at_launch(state_dir, "never") is None


def test_the_words_survive_the_journal(move):
    words = AskedWords(tools=True, template="vllm", variables={"A": "1"})
    body = json.loads(json.dumps(replace(move.migration, asked=words).as_body()))
    assert type(move.migration).from_body(body).asked == words


def test_a_file_is_remembered_by_its_whole_path(session, tmp_path, monkeypatch):
    mine = tmp_path / "mine.yaml"
    mine.write_text(Path(find_template("vllm").origin).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert words_of(asked_of("mine.yaml", (), tools=False, reasoning=False)).template == str(mine)


def test_the_new_side_gets_a_key_that_the_old_sides_host_does_not_know(session, move):
    request = request_for_plan(
        session, planned("qwen-14b"), replace(move.migration, asked=AskedWords(tools=True)), Caps()
    )
    assert request.api_key not in (move.store.key_of(move.old), move.store.service("mistral").api_key)
    assert "--tool-call-parser" in request.rentals[0].launch.args


def test_a_secret_that_was_set_is_kept_nowhere_and_asked_for_again(new_side, session, move):
    found = new_side("qwen-14b", settings=["SIDE_KEY=hunter2", "COLOUR=red"])
    kept = asked_at_launch(session.settings.state_dir, move.desk.request("mistral").rentals[0].launch_digest)
    assert (kept.variables, kept.withheld) == ({"COLOUR": "red"}, ("SIDE_KEY",))
    assert "hunter2" not in "".join(each.read_text() for each in session.settings.state_dir.rglob("*.json"))
    (said,) = found.left_out
    assert "--set SIDE_KEY" in said
    journaled = json.dumps(replace(move.migration, asked=AskedWords(variables={"SIDE_KEY": "hunter2"})).as_body())
    assert "hunter2" not in journaled
    with pytest.raises(UsageError, match="SIDE_KEY"):
        asked_again(type(move.migration).from_body(json.loads(journaled)).asked)
