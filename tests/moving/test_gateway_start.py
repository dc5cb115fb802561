"""A gateway that is started late, or whose start was cut off, leads to the side in charge."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudgpu.cli.gateway import run
from cloudgpu.cli.gateway.run import Wish, start_gateway
from cloudgpu.moving import address, forward
from cloudgpu.moving.gateway import desk
from cloudgpu.moving.gateway.route import GatewayKind, gateway_folder, load_route, save_route


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
    return lambda: start_gateway(wish)


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
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run, "_publish", _interrupted)
        begin()
    assert address.read("mistral", tmp_path) == before
    begin()
    assert led_to(tmp_path) == {"qwen": 100}


def _interrupted(*_):
    raise KeyboardInterrupt
