"""Whom a gateway leads where, with which key, what it counts, and what is left of that after it was killed."""

import contextlib
import http.client
import json
import os
import socket
from dataclasses import replace

import pytest
from gateway_stand import CLIENTS, until

from cloudgpu.base.errors import PortInUseError
from cloudgpu.base.secret import Secret
from cloudgpu.moving.gateway.desk import open_gateway
from cloudgpu.moving.gateway.route import GatewayKind, ShareBy

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def test_a_gateway_that_is_killed_and_started_again_keeps_the_weights(stand):
    stand.lead(old=70, new=30)
    before = stand.gateway.reading()
    stand.kill_gateway()
    until(lambda: stand.gateway.reading() is None, "the gateway is gone")
    open_gateway(stand.route.kind, stand.gateway.folder).apply(stand.route)
    until(lambda: all(side.up for side in stand.gateway.reading().values()), "both sides are seen up")
    after = stand.gateway.reading()
    assert {name: side.weight for name, side in after.items()} == {name: side.weight for name, side in before.items()}
    crowd = stand.answer_while([], between=6 * CLIENTS)
    counted = stand.gateway.reading()["new"].requests / crowd.answers.total()
    assert 0.1 < counted < 0.5, "Caddy draws lots: at so many requests this is seven deviations either way"


def test_a_line_that_a_client_keeps_open_is_good_for_both_sides_of_a_move(stand):
    stand.lead(old=100, new=0)
    line = http.client.HTTPConnection("127.0.0.1", stand.route.port, timeout=120)
    with contextlib.closing(line):
        assert "I am old" in ask_on(line)
        kept = line.sock
        stand.lead(old=0, new=100)
        assert "I am new" in ask_on(line)
        assert line.sock is kept, "a gateway that hangs up on idle clients loses those that are just asking"


def ask_on(line):
    body = json.dumps({"model": "service", "messages": [{"role": "user", "content": "Who are you?"}]})
    line.request("POST", "/v1/chat/completions", body, {"Authorization": "Bearer sk-client"})
    return line.getresponse().read().decode()


def test_clients_hold_one_key_and_never_see_an_engines_own(stand):
    stand.lead(old=100, new=0)
    assert stand.who() == "old"
    assert stand.ask(key="k-old")[0] == 401
    assert stand.ask(key="")[0] == 401
    stand.lead(old=0, new=100, client_key=Secret("sk-other"))
    assert (stand.ask()[0], stand.who(key="sk-other")) == (401, "new")


def test_requests_can_be_led_by_header_or_by_the_model_they_ask_for(stand):
    stand.lead(old=0, new=100, standby="old", share_by=ShareBy.HEADER)
    assert (stand.who(), stand.who(headers={"X-Cloudgpu-Deployment": "old"})) == ("new", "old")
    stand.lead(old=0, new=100, standby="old", share_by=ShareBy.MODEL)
    assert (stand.who(), stand.who(model="org/old"), stand.who(model="org/new")) == ("new", "old", "new")


def test_a_side_is_well_as_its_own_health_path_says_and_clients_ask_the_usual_one(stand):
    stand.lead(old=0, new=100)
    asked_at("/nowhere", stand)
    until(lambda: not stand.gateway.reading()["new"].up, "the new side is seen down")
    assert stand.gateway.reading()["old"].up
    asked_at("/ping", stand)
    until(lambda: stand.gateway.reading()["new"].up, "the new side is seen up")
    until(lambda: well(stand) == 200, "the gateway says so")


def asked_at(health_path, stand):
    stand.gateway.apply(stand.route.joined(replace(stand.route.upstream("new"), health_path=health_path)))


def well(stand):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", stand.route.port, timeout=120)) as line:
        line.request("GET", "/health")
        return line.getresponse().status


def test_without_any_side_clients_are_told_so_in_json(stand):
    stand.lead(old=None, new=None)
    status, said = stand.ask()
    assert (status, "no side of this service answers" in said) == (503, True)


def test_a_port_that_is_taken_is_one_sentence(stand):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortInUseError, match="another program listens") as refusal:
            stand.lead(old=100, new=None, port=taken.getsockname()[1])
        assert "--port" in refusal.value.hint


def test_what_is_counted_for_a_side_is_what_it_was_asked(stand):
    stand.lead(old=100, new=0)
    for _ in range(5):
        stand.ask()
    until(lambda: stand.gateway.reading()["old"].requests == 5, "five requests are counted")
    assert (stand.gateway.reading()["old"].errors, stand.gateway.reading()["new"].requests) == (0, 0)
    stand.lead(old=0, new=100)
    assert stand.gateway.reading()["old"].requests == 5, "a move forgets nothing"


@pytest.mark.parametrize("stand", [GatewayKind.CADDY], indirect=True)
def test_a_caddy_that_lost_its_shares_leads_nobody_anywhere_until_the_next_act(stand):
    stand.lead(old=100, new=0)
    (stand.gateway.folder / "shares").unlink()
    assert stand.ask()[0] == 503
    stand.lead(old=100, new=0)
    assert stand.who() == "old"


def test_no_file_of_the_gateway_can_be_read_by_others(stand):
    stand.lead(old=100, new=0)
    files = [path for path in stand.gateway.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if os.stat(path).st_mode & 0o077]
    assert "sk-client" not in stand.gateway.config()
    assert "k-old" not in stand.gateway.config()
