"""HAProxy's sockets: where they lie, whatever a side is called, and what is made of one that says nothing."""

import contextlib
import os
import re
import socket
import threading
from pathlib import Path

import pytest

from cloudgpu.base.errors import CloudgpuError, PortInUseError
from cloudgpu.base.secret import Secret
from cloudgpu.moving.gateway.haproxy import process
from cloudgpu.moving.gateway.haproxy import socket as haproxy_socket
from cloudgpu.moving.gateway.haproxy.config import config_text
from cloudgpu.moving.gateway.haproxy.process import HaproxyGateway
from cloudgpu.moving.gateway.route import GatewayKind, Route, Upstream
from cloudgpu.moving.gateway.run_dir import run_dir
from tests.free_port import free_port

LONGEST_PATH = 107
"""Linux: `sun_path` and its end. While it binds, HAProxy adds a full stop, its process id and `.tmp`."""


def a_route(*names, port=8400):
    sides = (
        Upstream(name=name, url="http://127.0.0.1:9", api_key=Secret("k"), model="m", weight=100) for name in names
    )
    route = Route(service="service", kind=GatewayKind.HAPROXY, host="127.0.0.1", port=port, client_key=Secret("c"))
    return route.leading_to(*sides)


def test_no_name_of_a_side_is_too_long_for_its_socket_or_takes_another_one():
    folder = Path("/tmp/cloudgpu-1000000/0123456789ab")
    text = config_text(a_route("admin", "master", "n" * 63, "n" * 62), folder)
    bound = re.findall(r"bind unix@(\S+)", text)
    assert len(set(bound)) == 4
    assert {Path(each).name for each in bound}.isdisjoint({"admin.sock", "master.sock"})
    assert all(len(f"{each}.4194304.tmp") <= LONGEST_PATH for each in bound)
    assert set(re.findall(r"server \S+ unix@(\S+)", text)) == set(bound)


@pytest.fixture
def dumb(tmp_path, monkeypatch):
    """A gateway whose sockets take a line and answer nothing: they hang up at once, or with "keep" never."""
    monkeypatch.setattr(haproxy_socket, "_ANSWER_S", 0.1)
    servers, kept = [], []

    def answer(server, keep):
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            line.recv(65536)
            kept.append(line) if keep else line.close()

    def make(*, keep):
        for name in ("admin", "master"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(str(run_dir(tmp_path) / f"{name}.sock"))
            server.listen()
            servers.append(server)
            threading.Thread(target=answer, args=(server, keep), daemon=True).start()
        return HaproxyGateway(tmp_path)

    yield make
    for each in (*servers, *kept):
        each.close()


@pytest.mark.enable_socket
@pytest.mark.parametrize("keep", [True, False])
def test_a_socket_that_says_nothing_is_a_gateway_that_does_not_run_and_nobody_is_signalled(dumb, keep, monkeypatch):
    signalled = []
    monkeypatch.setattr(os, "kill", lambda *asked: signalled.append(asked))
    gateway = dumb(keep=keep)
    assert (gateway.reading(), gateway.stop(), signalled) == (None, False, [])


@pytest.mark.enable_socket
@pytest.mark.parametrize("keep", [True, False])
def test_an_order_that_nobody_answers_is_told_in_one_sentence(dumb, keep, tmp_path):
    dumb(keep=keep)
    with pytest.raises(CloudgpuError, match="HAProxy does not answer"):
        haproxy_socket.order(run_dir(tmp_path) / "admin.sock", "set weight split/old 10")


@pytest.mark.parametrize("program", ["true", "false"])
def test_what_was_tried_out_leaves_no_key_behind(program, tmp_path):
    with contextlib.suppress(CloudgpuError):
        process._check(program, a_route("old"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # it needs the real program
@pytest.mark.enable_socket
def test_two_gateways_that_start_at_once_never_share_a_port(tmp_path):
    port = free_port()
    gateways = [HaproxyGateway(tmp_path / name) for name in ("a", "b")]
    try:
        gateways[0].check()
    except CloudgpuError as error:
        pytest.skip(error.message)
    route = a_route(port=port)
    try:
        gateways[0].apply(route)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "need_port", lambda *_, **__: None)  # both saw it free
            with pytest.raises(PortInUseError):
                gateways[1].apply(route)
    finally:
        for each in gateways:
            each.stop()
