"""An address never keeps pointing to what is gone or going: its host may be somebody else's tomorrow."""

from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import CleanupFailedError, UnreachableError
from cloudgpu.cli.gc import run as gc_run
from cloudgpu.moving import address, forward
from cloudgpu.moving.withdrawal import Withdrawal
from cloudgpu.running.store import Store


@pytest.fixture
def withdrawal(move, tmp_path):
    service = move.store.service("mistral")
    address.publish(address.address_of("mistral", move.old, service.api_key), tmp_path)
    return Withdrawal(store=move.store, state_dir=tmp_path, clock=lambda _: move.desk.clock, emit=move.store.append)


def test_while_the_deployment_lives_its_address_stays(move, withdrawal, tmp_path):
    assert withdrawal.everywhere() == []
    assert address.read("mistral", tmp_path).deployment == "mistral"


def test_when_the_deployment_is_gone_files_and_journal_forget_it(move, withdrawal, tmp_path):
    move.desk.down(move.old)
    assert withdrawal.everywhere() == ["mistral"]
    assert not address.env_path("mistral", tmp_path).exists()
    assert move.store.service("mistral").serving is None
    assert move.store.service("mistral").api_key.reveal() == "sk-service"
    moved = move.store.events("mistral")[-1]
    assert (moved.kind, moved.data) == ("address_moved", {"service": "mistral", "from": "mistral", "to": None})
    assert withdrawal.everywhere() == []


def test_a_deployment_whose_end_could_not_be_proved_is_pointed_to_no_longer_either(move, withdrawal, tmp_path):
    move.provider.faults["destroy"] = [UnreachableError("no answer")] * 60
    with pytest.raises(CleanupFailedError):
        move.desk.down(move.old)
    assert withdrawal.everywhere() == ["mistral"]
    assert address.read("mistral", tmp_path) is None


def test_what_a_kill_between_files_and_journal_left_is_finished(move, withdrawal, tmp_path):
    move.desk.down(move.old)
    address.withdraw("mistral", tmp_path)
    assert withdrawal.everywhere() == ["mistral"]
    assert move.store.service("mistral").serving is None


def test_a_damaged_address_is_withdrawn_by_what_the_journal_remembers(move, withdrawal, tmp_path):
    move.desk.down(move.old)
    address.json_path("mistral", tmp_path).write_text("{")
    assert withdrawal.everywhere() == ["mistral"]
    assert not address.env_path("mistral", tmp_path).exists()


def test_the_end_of_a_side_that_is_not_in_charge_leaves_the_address_alone(move, withdrawal, tmp_path):
    forward.go_forward(move.migration, move.acts)
    move.desk.down(move.store.life(move.old.token))
    assert withdrawal.everywhere() == []
    assert address.read("mistral", tmp_path).deployment == "qwen"


def test_an_address_that_another_process_is_moving_is_left_to_it(move, withdrawal, tmp_path):
    move.desk.down(move.old)
    elsewhere = Store(f"sqlite:///{tmp_path / 'cloudgpu.db'}")
    with elsewhere.lock("service:mistral", "migrate resume of mistral"):
        assert withdrawal.everywhere() == []
    elsewhere.close()
    assert withdrawal.everywhere() == ["mistral"]


def test_gc_withdraws_what_a_killed_down_left(move, withdrawal, tmp_path, monkeypatch, capsys):
    move.desk.down(move.old)
    monkeypatch.setattr(gc_run, "check_providers", lambda _: ("paper",))
    session = SimpleNamespace(
        store=move.store, settings=SimpleNamespace(state_dir=tmp_path), provider=lambda _: move.provider,
        clock=lambda _: move.desk.clock, emit=move.store.append, is_asleep=lambda _: False,
    )  # fmt: skip
    gc_run.run(session, ["paper"], destroy=False, expired=False, foreign=False, yes=False, as_json=False)
    assert address.read("mistral", tmp_path) is None
    assert "The address of mistral is withdrawn" in capsys.readouterr().err
