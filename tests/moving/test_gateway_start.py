"""A gateway that is started late, or whose start was cut off, leads to the side in charge."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudgpu.base.secret import Secret
from cloudgpu.cli.gateway import run
from cloudgpu.cli.gateway.run import Wish, start_gateway
from cloudgpu.moving import address, forward
from cloudgpu.moving.gateway import desk
from cloudgpu.moving.gateway.route import GatewayKind, gateway_folder, load_route, save_route
from cloudgpu.running.records import DeploymentState


@dataclass(frozen=True)
class Remembering:
    """A gateway that does nothing but remember what it was told."""

    folder: Path

    def apply(self, route):
        save_route(self.folder, route)

    def reading(self):
        return {}


@pytest.fixture
def begin(move, tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "_GATEWAYS", {GatewayKind.HAPROXY: Remembering})
    monkeypatch.setattr(run, "_free_port", lambda *_: 8400)
    settings = SimpleNamespace(state_dir=tmp_path)
    monkeypatch.setattr(run, "open_session", lambda: SimpleNamespace(store=move.store, settings=settings))
    wish = Wish(service="mistral", kind=None, port=None, host=None, certificate=None, as_json=True)
    return lambda **changes: start_gateway(replace(wish, **changes))


def led_to(tmp_path):
    return {each.name: each.weight for each in load_route(gateway_folder(tmp_path, "mistral")).upstreams}


def test_a_gateway_that_is_first_started_while_a_migration_is_open_leads_to_the_side_in_charge(move, begin, tmp_path):
    forward.go_forward(move.migration, move.acts)
    begin()
    assert led_to(tmp_path) == {"qwen": 100}
    assert address.read("mistral", tmp_path).base_url == "http://127.0.0.1:8400/v1"


def test_a_first_start_that_was_cut_off_leaves_clients_where_they_were_and_is_finished_by_the_next(
    move, begin, tmp_path, monkeypatch
):
    forward.go_forward(move.migration, move.acts)
    before = address.read("mistral", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_publish", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            begin()
    assert address.read("mistral", tmp_path) == before
    begin()
    assert led_to(tmp_path) == {"qwen": 100}


def test_clients_of_a_gateway_get_a_key_that_no_machine_ever_had(move, begin, tmp_path):
    old_key = move.store.service("mistral").api_key
    move.store.save_deployment(replace(move.old, api_key=Secret("k-of-its-own")))
    gone = replace(move.old, token="t-gone", name="before", api_key=old_key, state=DeploymentState.GONE)
    move.store.save_deployment(gone)
    begin()
    assert move.store.service("mistral").api_key not in (old_key, Secret("k-of-its-own"))
    assert address.read("mistral", tmp_path).api_key == move.store.service("mistral").api_key


def _interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("host", "is_warned"), [("0.0.0.0", True), ("192.168.1.5", True), ("127.0.0.1", False)])
def test_a_gateway_that_the_network_hears_in_the_clear_is_warned_of(move, begin, capsys, host, is_warned):
    forward.go_forward(move.migration, move.acts)
    begin(host=host)
    assert ("heard by the network, without TLS" in capsys.readouterr().err) is is_warned


def test_a_gateway_with_a_certificate_is_not_warned_of(move, begin, capsys, tmp_path):
    forward.go_forward(move.migration, move.acts)
    (tmp_path / "both.pem").write_text("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n")
    begin(host="0.0.0.0", certificate=str(tmp_path / "both.pem"))
    assert capsys.readouterr().err == ""
