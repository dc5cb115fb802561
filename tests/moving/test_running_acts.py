"""The acts on rented instances: what the journal knows of a side decides what may be done with it."""

from dataclasses import replace

import pytest

from cloudgpu.base.errors import CleanupFailedError, ConflictError, UnreachableError
from cloudgpu.moving import address, closing, forward, running_acts, sight, way_back
from cloudgpu.moving.gates import readiness
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.migration import Side
from cloudgpu.moving.state import MigrationState
from cloudgpu.running.health import Health
from cloudgpu.running.records import DeploymentState


@pytest.fixture
def promoted(move):
    return forward.go_forward(move.migration, move.acts)


def take_down_in_vain(move, deployment):
    """`down` while the provider does not answer: exit 6, nothing is destroyed, gc will try again."""
    move.provider.faults["destroy"] = [UnreachableError("no answer")] * 60
    with pytest.raises(CleanupFailedError):
        move.desk.down(deployment)
    move.provider.faults.clear()


def test_a_side_whose_end_was_asked_for_is_neither_kept_nor_put_in_charge(move, promoted):
    take_down_in_vain(move, move.new())
    assert move.acts.exists(promoted.new)
    assert move.acts.is_ending(promoted.new)
    assert not move.acts.is_healthy(promoted.new)
    with pytest.raises(ConflictError, match="qwen is being removed, so mistral is not destroyed"):
        closing.finalize(promoted, move.acts)
    assert len(move.provider.billing()) == 2
    back = way_back.roll_back(promoted, move.acts)
    with pytest.raises(ConflictError, match="being removed"):
        move.acts.share(promoted)
    assert closing.finalize(back, move.acts).state is MigrationState.STABLE
    assert (move.provider.billing(), move.acts.serving("mistral")) == (["1000"], "mistral")


def test_there_is_no_rollback_to_an_old_side_whose_end_was_asked_for(move, promoted):
    take_down_in_vain(move, move.store.life(move.old.token))
    with pytest.raises(ConflictError, match="mistral is being removed"):
        way_back.roll_back(promoted, move.acts, force=True)
    assert move.acts.serving("mistral") == "qwen"


def test_until_its_token_is_known_a_side_is_the_living_deployment_of_that_name_and_service(move):
    move.desk.down(move.desk.up("qwen-14b"))
    assert not move.acts.exists(Side("qwen-14b"))
    other = move.desk.up("qwen-14b")  # alive, of another service
    assert not move.acts.exists(Side("qwen-14b"))
    assert move.acts.exists(Side("qwen-14b", other.token))


def test_a_migration_whose_sides_are_both_gone_is_closed_and_its_address_withdrawn(move, promoted, tmp_path):
    for each in move.store.deployments():
        move.desk.down(each)
    done = closing.finalize(promoted, move.acts)
    assert (done.state, move.acts.serving("mistral")) == (MigrationState.STABLE, None)
    assert address.read("mistral", tmp_path) is None


def test_what_was_destroyed_is_proved_gone(move, promoted):
    closing.finalize(promoted, move.acts)
    assert move.store.life(move.old.token).state is DeploymentState.GONE


def test_a_new_side_that_failed_before_it_ever_answered_makes_room_for_the_next(move, monkeypatch):
    failed = replace(move.desk.up("qwen"), service="mistral", state=DeploymentState.FAILED, ready_at=None)
    move.store.save_deployment(failed)
    monkeypatch.setattr(sight, "refresh", lambda life, *_, **__: life)
    token = move.acts.provision(move.migration)
    assert token != failed.token
    assert move.store.life(failed.token).state is DeploymentState.GONE
    assert len(move.provider.billing()) == 2


def test_both_engines_are_read_once_requests_have_moved_for_their_money_is_for_something_else_then(move, monkeypatch):
    read = []
    note = lambda life, *_: read.append((life.name, move.acts.serving("mistral")))  # noqa: E731
    monkeypatch.setattr(running_acts, "note_work", note)
    promoted = forward.go_forward(move.migration, move.acts)
    assert read[-2:] == [("qwen", "qwen"), ("mistral", "qwen")]
    way_back.roll_back(promoted, move.acts)
    assert read[-2:] == [("mistral", "mistral"), ("qwen", "mistral")]


def test_a_move_names_whom_requests_leave_and_who_gets_them(move, promoted):
    way_back.roll_back(promoted, move.acts)
    moves = [each.detail for each in move.told if each.phase == "moving"]
    assert moves[-2:] == ["requests of mistral: mistral → qwen", "requests of mistral: qwen → mistral"]


@pytest.mark.parametrize(("lost", "judged"), [(1, True), (2, False)])
def test_one_lost_question_to_the_old_side_spares_the_new_one_no_gate(move, monkeypatch, lost, judged):
    """Of an old side that is silent the gates ask nothing: then readiness alone decides."""
    forward.go_forward(move.migration, move.acts)
    asked, well = [], Health(ready=True, phase="ready", detail="")

    def probe(*_):
        asked.append("old")
        return replace(well, ready=len(asked) > lost, detail="no answer in time")

    monkeypatch.setattr(sight, "probe", probe)
    monkeypatch.setattr(running_acts, "readiness_checks", lambda *_, **__: [])
    gates = [each.gate for each in move.acts.validate(move.saved()).checks]
    assert (gates == ["readiness"]) == judged


@pytest.fixture
def embeds(move, monkeypatch):
    """A function that makes one of both sides a model that embeds; the list that it gives is filled with what is asked
    of the new side."""
    forward.go_forward(move.migration, move.acts)
    asked = []

    def probe(_url, _key, health):
        asked.append(health.asks)
        return Health(ready=True, phase="ready", detail="1024 numbers")

    def make(life):
        move.store.save_deployment(replace(life, health=replace(life.health, asks="embedding")))
        monkeypatch.setattr(readiness, "probe", probe)
        monkeypatch.setattr(running_acts, "judge", lambda *_, **__: pytest.fail("vectors cannot be measured"))
        return asked

    return make


def test_whether_a_model_that_embeds_takes_over_is_left_to_the_user(move, embeds):
    asked = embeds(move.new())
    verdict = move.acts.validate(move.saved())
    assert (asked, verdict.outcome) == (["embedding"], Outcome.INCONCLUSIVE)
    assert "compare their vectors yourself" in verdict.reason


def test_a_chat_is_never_measured_against_vectors(move, embeds):
    asked = embeds(move.store.life(move.old.token))
    assert (move.acts.validate(move.saved()).outcome, asked) == (Outcome.INCONCLUSIVE, ["chat"])


def test_a_model_that_embeds_is_ready_when_a_vector_comes_also_where_the_old_side_is_silent(move, embeds, monkeypatch):
    asked = embeds(move.new())
    monkeypatch.setattr(sight, "probe", lambda *_: Health(ready=False, phase="silent", detail="no answer"))
    assert (move.acts.validate(move.saved()).outcome, asked) == (Outcome.PASS, ["embedding"])
