"""An address never keeps pointing to what is gone or going: its host may be somebody else's tomorrow."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import CleanupFailedError, ConflictError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.cli.gc import run as gc_run
from cloudgpu.cli.migrate.side import refuse_sides
from cloudgpu.cli.withdrawn import say_who_answers, withdraw
from cloudgpu.moving import address, closing, forward
from cloudgpu.moving.entrance import gateway_address
from cloudgpu.moving.gateway import desk
from cloudgpu.moving.gateway.route import GatewayKind, Route, Upstream, gateway_folder, load_route, save_route
from cloudgpu.moving.withdrawal import Withdrawal
from cloudgpu.running.records import DeploymentState
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


@pytest.mark.parametrize("later", [
    {"service": "other"}, {"state": DeploymentState.LOADING, "endpoint": None, "ready_at": None},
])  # fmt: skip
def test_a_later_life_of_the_name_keeps_no_address_of_the_one_that_is_gone(move, withdrawal, tmp_path, later):
    """One of another service, or one that comes up: clients were never sent to it."""
    move.desk.down(move.old)
    move.store.save_deployment(replace(move.desk.up("mistral"), **later))
    assert withdrawal.everywhere() == ["mistral"]
    assert address.read("mistral", tmp_path) is None


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


def test_after_a_side_was_taken_down_it_is_said_who_answers(move, tmp_path, capsys):
    session = SimpleNamespace(
        store=move.store, settings=SimpleNamespace(state_dir=tmp_path), clock=lambda _: move.desk.clock,
        emit=move.store.append,
    )  # fmt: skip
    forward.go_forward(move.migration, move.acts)
    for life, said in (
        (move.old, "Requests of mistral go to qwen as before."),
        (move.new(), "The address of mistral is withdrawn: nobody answers there any more."),
    ):
        gone = move.desk.down(move.store.life(life.token))
        say_who_answers(session, [gone], withdraw(session))
        assert said in " ".join(capsys.readouterr().err.split())


@dataclass(frozen=True)
class Remembering:
    """A gateway that does nothing but remember what it was told."""

    folder: Path

    def apply(self, route):
        save_route(self.folder, route)


@pytest.fixture
def behind_a_gateway(move, withdrawal, tmp_path, monkeypatch):
    """A route to both sides of a canary, and a function that says what it leads to now."""
    monkeypatch.setattr(desk, "_GATEWAYS", {GatewayKind.HAPROXY: Remembering})
    new = replace(move.desk.up("qwen"), service="mistral")
    move.store.save_deployment(new)
    folder = gateway_folder(tmp_path, "mistral")
    service = move.store.service("mistral")
    sides = [
        Upstream(name=life.name, url=life.endpoint, api_key=Secret("k"), model="m", weight=weight)
        for life, weight in ((move.old, 90), (new, 10))
    ]
    route = Route(service="mistral", kind=GatewayKind.HAPROXY, host="127.0.0.1", port=8400, client_key=service.api_key)
    save_route(folder, route.leading_to(*sides))
    address.publish(gateway_address(route, "mistral", service.api_key), tmp_path)
    return lambda: {each.name: each.weight for each in load_route(folder).upstreams}


def test_the_address_of_a_gateway_whose_other_side_answers_stays_and_names_that_one(
    move, withdrawal, behind_a_gateway, tmp_path
):
    before = address.read("mistral", tmp_path)
    move.desk.down(move.old)
    assert withdrawal.everywhere() == []
    assert behind_a_gateway() == {"qwen": 100}
    assert address.read("mistral", tmp_path) == replace(before, deployment="qwen")
    assert move.store.service("mistral").serving == "qwen"
    assert move.store.events("mistral")[-1].data == {"service": "mistral", "from": "mistral", "to": "qwen"}


def heirs(move, tmp_path):
    told = []
    Withdrawal(
        store=move.store, state_dir=tmp_path, clock=lambda _: move.desk.clock, emit=move.store.append,
        on_inherited=told.append,
    ).everywhere()  # fmt: skip
    return [(each.service, each.gone, each.heir) for each in told]


def test_whoever_inherits_the_requests_is_told_once(move, behind_a_gateway, tmp_path):
    assert heirs(move, tmp_path) == []
    move.desk.down(move.old)
    assert heirs(move, tmp_path) == [("mistral", ("mistral",), "qwen")]
    assert heirs(move, tmp_path) == []
    move.desk.down(move.store.deployment("qwen"))
    assert heirs(move, tmp_path) == []  # nobody does


def test_the_share_of_a_side_that_is_not_in_charge_goes_to_the_one_that_is(move, behind_a_gateway, tmp_path):
    move.desk.down(move.store.deployment("qwen"))
    assert heirs(move, tmp_path) == [("mistral", ("qwen",), "mistral")]
    assert behind_a_gateway() == {"mistral": 90}


def test_the_address_of_a_gateway_that_leads_nowhere_any_more_is_withdrawn(
    move, withdrawal, behind_a_gateway, tmp_path
):
    move.desk.down(move.old)
    move.desk.down(move.store.deployment("qwen"))
    assert withdrawal.everywhere() == ["mistral"]
    assert behind_a_gateway() == {}
    assert address.read("mistral", tmp_path) is None


def test_a_side_that_has_not_passed_its_gates_inherits_nothing(move, withdrawal, behind_a_gateway, tmp_path):
    folder = gateway_folder(tmp_path, "mistral")
    route = load_route(folder)
    save_route(folder, route.joined(replace(route.upstream("qwen"), weight=0)))
    move.desk.down(move.old)
    assert withdrawal.everywhere() == ["mistral"]
    assert address.read("mistral", tmp_path) is None


def test_a_side_of_an_open_migration_is_not_taken_down_behind_its_back(move):
    session = SimpleNamespace(store=move.store, settings=SimpleNamespace(state_dir=move.desk.path))
    bystander = move.desk.up("other")
    refuse_sides(session, [move.old, bystander])  # no migration yet
    promoted = forward.go_forward(move.migration, move.acts)
    for life in (move.old, move.new()):
        with pytest.raises(ConflictError, match=f"{life.name} is a side of the migration m-1 of mistral") as refusal:
            refuse_sides(session, [bystander, life])
        assert "cloudgpu migrate finalize" in refusal.value.hint
        assert f"cloudgpu down {life.name} --force" in refusal.value.hint
    refuse_sides(session, [bystander])
    refuse_sides(session, [replace(move.old, state=DeploymentState.CLEANUP_FAILED)])
    closing.finalize(promoted, move.acts)
    refuse_sides(session, [move.new()])
