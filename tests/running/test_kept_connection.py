"""Questions to a provider share a connection; what changes the world never goes over one that may be closed."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.secret import Secret
from cloudgpu.running.providers.http import Http
from cloudgpu.running.providers.vast.errors import explain


class Desk(BaseHTTPRequestHandler):
    """Notes the connection and the cookie of every request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.client_address[1], self.headers.get("Cookie")))
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", "2"), ("Set-Cookie", "who=you")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = self.server.closes

    def do_PUT(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def desk():
    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        server.daemon_threads, server.seen, server.closes = True, [], False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def http(desk):
    return Http(f"http://127.0.0.1:{desk.server_port}", Secret("k3y"), ManualClock(), {}, explain)


def read(http):
    return http.read("GET", "/things/", endpoint="things")


def act(http):
    return http.act("PUT", "/things/", endpoint="things", body={})


def test_questions_share_a_connection_and_every_act_has_its_own(http, desk):
    for ask in (read, act, read, act, read):
        ask(http)
    ports = {method: {port for each, port, _ in desk.seen if each == method} for method in ("GET", "PUT")}
    assert (len(ports["GET"]), len(ports["PUT"])) == (1, 2)
    assert not ports["GET"] & ports["PUT"]


def test_a_question_after_the_other_side_has_closed_is_answered_over_a_new_connection(http, desk):
    desk.closes = True
    for _ in range(3):
        read(http)
    assert len({port for _, port, _ in desk.seen}) == 3


def test_no_cookie_comes_back(http, desk):
    for ask in (read, read, act):
        ask(http)
    assert [cookie for _, _, cookie in desk.seen] == [None, None, None]
