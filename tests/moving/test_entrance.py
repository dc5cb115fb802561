"""Where requests are led, on a gateway that is made up: what it is told, and in which order sides come and go."""

import shlex
from dataclasses import dataclass, field, replace

import pytest

from cloudgpu.base.errors import ConflictError
from cloudgpu.base.secret import Secret
from cloudgpu.moving import address, closing, entrance, forward, way_back, withdrawal
from cloudgpu.moving.gateway.base import SideReading
from cloudgpu.moving.gateway.haproxy.config import config_text, digest
from cloudgpu.moving.gateway.route import GatewayKind, Route, ShareBy, Upstream, gateway_folder, load_route, save_route
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.running.deployment.shared_listing import MOMENT_S
from cloudgpu.running.records import Service

CANARY = Strategy(way=Way.CANARY, steps=(10,), pause_s=300.0)


@dataclass
class PaperGateway:
    """Does what it is told at once; `busy` requests are being answered by each side."""

    folder: object
    busy: dict = field(default_factory=dict)

    def apply(self, route):
        save_route(self.folder, route)

    def reading(self):
        return {
            each.name: SideReading(
                weight=each.weight, standby=each.standby, up=True, in_flight=self.busy.get(each.name, 0), requests=0,
                errors=0,
            )
            for each in load_route(self.folder).upstreams
        }  # fmt: skip


@pytest.fixture
def gateway(move, tmp_path, monkeypatch):
    """The service `mistral` behind a gateway: clients hold `sk-clients`, the old machine `sk-service`."""
    folder = gateway_folder(tmp_path, "mistral")
    made = PaperGateway(folder)
    route = Route(
        service="mistral", kind=GatewayKind.HAPROXY, host="127.0.0.1", port=8400, client_key=Secret("sk-clients"),
    )  # fmt: skip
    made.apply(route)
    move.store.save_service(Service(name="mistral", api_key=Secret("sk-clients"), serving="mistral"))
    for where in (entrance, withdrawal):
        monkeypatch.setattr(where, "gateway_of", lambda *_: (made, load_route(folder)))
    monkeypatch.setattr(entrance, "_DRAIN_S", 0.0)
    return made


def sides(gateway):
    return {each.name: (each.weight, each.standby) for each in load_route(gateway.folder).upstreams}


@pytest.fixture
def canary(move, gateway):
    return forward.go_forward(replace(move.migration, strategy=CANARY), move.acts)


def test_a_new_side_gets_its_share_and_clients_notice_nothing(move, gateway, canary, tmp_path):
    assert sides(gateway) == {"mistral": (90, False), "qwen": (10, False)}
    told = address.read("mistral", tmp_path)
    assert (told.base_url, told.model, told.api_key) == ("http://127.0.0.1:8400/v1", "mistral", Secret("sk-clients"))
    promoted = forward.promote(canary, move.acts)
    assert sides(gateway) == {"mistral": (0, True), "qwen": (100, False)}
    assert address.read("mistral", tmp_path) == replace(told, deployment="qwen")
    way_back.roll_back(promoted, move.acts)
    assert sides(gateway) == {"mistral": (100, False), "qwen": (0, True)}


def test_each_side_is_asked_with_the_key_of_its_machine(move, gateway, canary):
    keys = {each.name: each.api_key for each in load_route(gateway.folder).upstreams}
    assert keys == {"mistral": move.store.key_of(move.old), "qwen": move.store.key_of(move.new())}
    assert load_route(gateway.folder).client_key == Secret("sk-clients")


def test_a_look_follows_both_sides_to_where_they_are_now_and_leaves_their_shares(move, gateway, canary):
    for machine in move.provider.machines.values():
        machine.port = 42000 + int(machine.instance_id)
    move.desk.clock.sleep(MOMENT_S + 1)  # what was listed a moment ago is not listed again
    move.acts.observe(canary)
    urls = {each.name: each.url for each in load_route(gateway.folder).upstreams}
    assert urls == {"mistral": "http://203.0.113.7:43000", "qwen": "http://203.0.113.7:43001"}
    assert sides(gateway) == {"mistral": (90, False), "qwen": (10, False)}


def test_a_side_that_still_answers_requests_is_not_removed(move, gateway, canary):
    promoted = forward.promote(canary, move.acts)
    gateway.busy["mistral"] = 3
    with pytest.raises(ConflictError, match="mistral is still answering 3 requests"):
        closing.finalize(promoted, move.acts)
    assert sides(gateway)["mistral"] == (0, False)  # nothing new is sent to it
    assert len(move.provider.billing()) == 2
    gateway.busy.clear()
    closing.finalize(move.saved(), move.acts)
    assert (sides(gateway), move.provider.billing()) == ({"qwen": (100, False)}, ["1001"])


def test_a_side_that_is_taken_down_by_hand_is_forgotten_by_the_gateway(move, gateway, canary, tmp_path):
    forward.promote(canary, move.acts)
    move.desk.down(move.old)  # it stood by: its host and port may be somebody else's tomorrow
    withdrawal.Withdrawal(
        store=move.store, state_dir=tmp_path, clock=lambda _: move.desk.clock, emit=move.store.append
    ).everywhere()
    assert sides(gateway) == {"qwen": (100, False)}


def test_without_a_gateway_two_sides_cannot_share(move):
    with pytest.raises(ConflictError, match="has no gateway"):
        forward.go_forward(replace(move.migration, strategy=CANARY), move.acts)


def side(name, weight, url="http://127.0.0.1:9000"):
    return Upstream(name=name, url=url, api_key=Secret(f"k-{name}"), model=f"org/{name}", weight=weight)


def a_route(*upstreams):
    return Route(
        service="chat", kind=GatewayKind.HAPROXY, host="127.0.0.1", port=8400, client_key=Secret("sk-c"),
    ).leading_to(*upstreams)  # fmt: skip


def test_a_move_of_weights_needs_no_new_configuration_and_a_new_key_does():
    before = a_route(side("old", 100), side("new", 0))
    assert digest(before) == digest(a_route(side("new", 90), side("old", 10)))
    assert digest(before) != digest(replace(before, client_key=Secret("sk-other")))
    assert digest(before) != digest(a_route(side("old", 100)))


def test_a_side_is_asked_at_its_own_health_path(move, gateway, canary, tmp_path):
    life = move.store.life(move.old.token)
    move.store.save_deployment(replace(life, health=replace(life.health, path="/ready to%20serve#?100")))
    forward.promote(canary, move.acts)
    told = config_text(load_route(gateway.folder), tmp_path)
    assert "http-check send meth GET uri /ready%20to%20serve%23?100 ver" in told
    assert "set-uri /ready%%20to%%20serve%%23?100 if { path /health }" in told
    assert "http-check send meth GET uri /health ver" in told  # the other side's


def test_a_side_behind_tls_is_asked_by_its_name(tmp_path):
    told = config_text(a_route(side("old", 100, "https://pod-8000.proxy.runpod.net")), tmp_path)
    assert "http-request set-header Host pod-8000.proxy.runpod.net" in told
    assert "server engine pod-8000.proxy.runpod.net:443" in told
    assert "verify required" in told
    assert "sni str(pod-8000.proxy.runpod.net)" in told


def test_a_certificate_and_a_model_with_odd_letters_stay_one_word_to_haproxy(tmp_path):
    odd = replace(side("old", 100), model='my "own" model $HOME')
    route = replace(a_route(odd), certificate="/home/me/My Certs/bo'th.pem", share_by=ShareBy.MODEL)
    told = config_text(route, tmp_path)
    assert shlex.split(told.partition(" ssl crt ")[2].splitlines()[0])[0] == "/home/me/My Certs/bo'th.pem"
    assert "-m str 'my \"own\" model $HOME' }" in told


@pytest.mark.parametrize(("host", "url"), [
    ("127.0.0.1", "http://127.0.0.1:8400"), ("0.0.0.0", "http://127.0.0.1:8400"), ("::", "http://[::1]:8400"),
    ("::1", "http://[::1]:8400"), ("fd00::7", "http://[fd00::7]:8400"), ("box.lan", "http://box.lan:8400"),
])  # fmt: skip
def test_clients_are_told_an_address_that_a_url_can_hold(host, url):
    assert replace(a_route(), host=host).url == url


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path):
    (tmp_path / "gateway").write_text("a file where the folder should be")
    with pytest.raises(ConflictError, match="cannot be written: File exists"):
        save_route(tmp_path / "gateway", a_route())


def test_a_route_comes_back_from_its_file_as_it_was(tmp_path):
    route = a_route(side("old", 100), side("new", 0))
    save_route(tmp_path, route)
    assert load_route(tmp_path) == route
    assert (tmp_path / "route.json").stat().st_mode & 0o777 == 0o600
