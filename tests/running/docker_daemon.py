"""A Docker daemon on paper: the Engine API over real HTTP on a unix socket, for the real SDK to talk to.

Containers hold a small engine on loopback while they run. Faults are scripted by the name of a call; what becomes of
the next container by `Fate`.
"""

import json
import os
import re
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from tests.running.small_engine import LOG, Engine

IMAGE_LAYERS = (("a1", 6_000_000_000), ("b2", 3_000_000_000))


@dataclass
class Fate:
    """What becomes of a container once it is started; by itself it serves."""

    exits_with: int | None = None
    log: str = LOG
    out_of_memory: bool = False
    refuses_to_start: str | None = None
    stays: str | None = None


@dataclass
class Container:
    id: str
    name: str
    body: dict
    created: str
    fate: Fate
    status: str = "created"
    error: str = ""
    engine: Engine | None = None

    def as_shown(self):
        ports = {}
        if self.engine:
            for port, bindings in self.body["HostConfig"]["PortBindings"].items():
                published = {"HostIp": bindings[0]["HostIp"], "HostPort": str(self.engine.server_address[1])}
                ports[port] = [published]
        state = {
            "Status": self.status, "Running": self.status == "running", "ExitCode": self.fate.exits_with or 0,
            "OOMKilled": self.fate.out_of_memory and self.status == "exited", "Error": self.error,
        }  # fmt: skip
        return {
            "Id": self.id, "Name": f"/{self.name}", "Created": self.created, "State": state,
            "Config": {"Image": self.body["Image"], "Labels": self.body["Labels"], "Tty": False},
            "HostConfig": self.body["HostConfig"], "NetworkSettings": {"Ports": ports},
        }  # fmt: skip

    def as_listed(self):
        return {"Id": self.id, "Names": [f"/{self.name}"], "Labels": self.body["Labels"], "State": self.status,
                "Created": int(datetime.fromisoformat(self.created).timestamp())}  # fmt: skip


@dataclass
class Daemon:
    """One daemon with its images and containers. `clock` dates what it makes."""

    path: str
    clock: object
    images: set = field(default_factory=lambda: {"vllm/vllm-openai:v0.25.1"})
    containers: dict = field(default_factory=dict)
    fates: list = field(default_factory=list)
    faults: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    creates: int = 0
    info: dict = field(default_factory=lambda: {"Runtimes": {"runc": {}, "nvidia": {}}})
    pull: list | None = None
    hold: threading.Event = field(default_factory=threading.Event)
    gone: bool = False

    def start(self):
        self._server = _Server(self.path, _Answers)
        self._server.daemon = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        """As when dockerd dies: nothing listens, and the socket is gone."""
        self.gone = True
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        for each in self.containers.values():
            self.end(each)

    def fault(self, call, do, times=1):
        """`call` fails so often, in one of the ways of `_Answers.fail`."""
        self.faults[call] = [do] * times

    def run(self, container):
        fate = container.fate
        if fate.refuses_to_start:
            container.error = fate.refuses_to_start
            return fate.refuses_to_start
        container.status = fate.stays or ("running" if fate.exits_with is None else "exited")
        if container.status == "running" and container.engine is None:
            environment = dict(each.split("=", 1) for each in container.body["Env"] or [])
            container.engine = Engine(container.body["Cmd"], environment, "127.0.0.1", 0)
            threading.Thread(target=container.engine.serve_forever, args=(0.02,), daemon=True).start()
        return None

    def end(self, container, status="exited"):
        container.status = status
        if container.engine:
            container.engine.shutdown()
            container.engine.server_close()
            container.engine = None

    def find(self, name):
        """By the name, or by the beginning of the id, as Docker takes it."""
        return next((each for each in self.containers.values() if name == each.name or each.id.startswith(name)), None)

    def living(self):
        """Ids of whatever exists, as they are shown."""
        return [each.id[:12] for each in self.containers.values()]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def server_close(self):
        super().server_close()
        if os.path.exists(self.server_address):
            os.unlink(self.server_address)

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is none of the test's business."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        """A daemon's own log is nobody's business here."""

    def do_GET(self):
        self._route("GET")

    def do_POST(self):
        self._route("POST")

    def do_DELETE(self):
        self._route("DELETE")

    def _route(self, method):
        if self.server.daemon.gone:  # a connection that was kept alive
            return self.fail("close")
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length) or b"{}") if length else {}
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = re.sub(r"^/v[\d.]+", "", unquote(parts.path))
        for pattern, wanted, call in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and wanted == method:
                self.server.daemon.calls.append(call)
                return self._answer(call, *match.groups())
        return self._say(404, {"message": "page not found"})

    def _answer(self, call, *names):
        queue = self.server.daemon.faults.get(call)
        do = queue.pop(0) if queue else None
        if do is None or do.endswith("_after_effect"):
            answer = getattr(self, f"_{call}")(*names)
            if do is None:
                return self._say(*answer) if answer else None
        return self.fail(do.removesuffix("_after_effect"))

    def fail(self, do):
        """500: a clear error. 403: an authorisation plugin's no. close: the connection breaks. silent: no answer.

        html, truncated: nothing that can be read.
        """
        if do == "500":
            return self._say(500, {"message": "something went wrong inside"})
        if do == "403":
            return self._say(403, {"message": "authorization denied by plugin policy"})
        if do == "html":
            return self._raw(200, b"<html>It works!</html>", "text/html")
        if do == "truncated":
            return self._raw(200, b'[{"Id": "abc', "application/json")
        if do == "silent":
            self.server.daemon.hold.wait(30)
        self.close_connection = True
        return self.connection.shutdown(socket.SHUT_RDWR)

    def _say(self, status, body=None):
        self._raw(status, b"" if body is None else json.dumps(body).encode(), "application/json")

    def _raw(self, status, raw, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _pieces(self, kind, pieces):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _ping(self):
        return 200, "OK"

    def _version(self):
        return 200, {"ApiVersion": "1.47", "MinAPIVersion": "1.24", "Version": "27.3.1"}

    def _info(self):
        daemon = self.server.daemon
        told = {
            "ID": "I6CA:FQ4Y", "Name": "workstation", "MemTotal": 64 * 2**30, "ServerVersion": "27.3.1",
            "SystemTime": daemon.clock.now().isoformat(),
        }  # fmt: skip
        return 200, told | daemon.info

    def _image(self, name):
        if name in self.server.daemon.images:
            return 200, {"Id": "sha256:1"}
        return 404, {"message": f"No such image: {name}"}

    def _pull(self):
        daemon, image = self.server.daemon, f"{self.query['fromImage']}:{self.query['tag']}"
        if daemon.pull is None:
            events = list(_layers())
            daemon.images.add(image)
        else:
            events = daemon.pull
        self._pieces("application/json", (json.dumps(event).encode() + b"\r\n" for event in events))

    def _create(self):
        daemon, name = self.server.daemon, self.query["name"]
        if self.body["Image"] not in daemon.images:
            return 404, {"message": f"No such image: {self.body['Image']}"}
        if daemon.find(name):
            return 409, {"message": f'Conflict. The container name "/{name}" is already in use by container "x".'}
        made = Container(
            sha256(name.encode()).hexdigest(), name, self.body, daemon.clock.now().isoformat(),
            daemon.fates.pop(0) if daemon.fates else Fate(),
        )  # fmt: skip
        daemon.containers[made.id] = made
        daemon.creates += 1
        return 201, {"Id": made.id, "Warnings": []}

    def _start(self, name):
        container = self.server.daemon.find(name)
        if container is None:
            return _nobody(name)
        if container.status == "running":
            return 304, None
        refusal = self.server.daemon.run(container)
        return (500, {"message": refusal}) if refusal else (204, None)

    def _list(self):
        wanted = json.loads(self.query.get("filters", "{}")).get("label", [])
        found = [each for each in self.server.daemon.containers.values() if set(wanted) <= set(each.body["Labels"])]
        shown = found if self.query.get("all") == "1" else [each for each in found if each.status == "running"]
        return 200, [each.as_listed() for each in shown]

    def _inspect(self, name):
        container = self.server.daemon.find(name)
        return (200, container.as_shown()) if container else _nobody(name)

    def _logs(self, name):
        container = self.server.daemon.find(name)
        if container is None:
            return _nobody(name)
        lines = container.fate.log.splitlines(keepends=True)[-int(self.query["tail"]) :]
        frames = [_frame(1 + place % 2, line.encode()) for place, line in enumerate(lines)]
        self._pieces("application/vnd.docker.multiplexed-stream", frames)
        return None

    def _destroy(self, name):
        daemon = self.server.daemon
        container = daemon.find(name)
        if container is None:
            return _nobody(name)
        if container.status == "running" and self.query.get("force") not in ("1", "True", "true"):
            return 409, {"message": "You cannot remove a running container"}
        daemon.end(container)
        del daemon.containers[container.id]
        return 204, None


_ROUTES = (
    (r"/_ping", "GET", "ping"),
    (r"/version", "GET", "version"),
    (r"/info", "GET", "info"),
    (r"/images/create", "POST", "pull"),
    (r"/images/(.+)/json", "GET", "image"),
    (r"/containers/create", "POST", "create"),
    (r"/containers/json", "GET", "list"),
    (r"/containers/([^/]+)/json", "GET", "inspect"),
    (r"/containers/([^/]+)/start", "POST", "start"),
    (r"/containers/([^/]+)/logs", "GET", "logs"),
    (r"/containers/([^/]+)", "DELETE", "destroy"),
)


def _nobody(name):
    return 404, {"message": f"No such container: {name}"}


def _layers():
    yield {"status": "Pulling from vllm/vllm-openai", "id": "v0.25.1"}
    for share in (0.1, 0.5, 1.0):
        for name, size in IMAGE_LAYERS:
            detail = {"current": int(size * share), "total": size}
            yield {"status": "Downloading", "progressDetail": detail, "id": name}
    for name, _ in IMAGE_LAYERS:
        yield {"status": "Pull complete", "progressDetail": {}, "id": name}
    yield {"status": "Status: Downloaded newer image"}


def _frame(stream, payload):
    """Docker's multiplexed form: the stream, three zeros, the length, the bytes."""
    return struct.pack(">BxxxL", stream, len(payload)) + payload
