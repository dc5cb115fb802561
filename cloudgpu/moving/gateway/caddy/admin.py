"""Caddy's admin endpoint, on a private socket."""

import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.moving.gateway.route import HEALTH_PATH

_ANSWER_S = 30.0
_HEALTH_S = 5.0
_ROW = re.compile(r"^(\w+)(?:\{(.*)\})? ([\d.eE+-]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Row = tuple[str, dict[str, str], float]
"""A figure of the metrics page: its name, its labels, its value."""


def load(path: Path, config: dict[str, Any]) -> None:
    """Make this the configuration. Raises OSError when nobody listens, BadAnswerError with Caddy's words."""
    status, said = _call(path, "POST", "/load", json.dumps(config).encode())
    if status != 200:
        raise BadAnswerError(f"Caddy refuses: {said.strip()[:300]}", hint="see: cloudgpu gateway config")


def stop(path: Path) -> None:
    """End it, once it has answered what it has. Raises OSError when nobody listens."""
    _call(path, "POST", "/stop", b"")


def config(path: Path) -> dict[str, Any] | None:
    """The configuration that runs. Raises OSError when nobody listens."""
    _, said = _call(path, "GET", "/config/", None)
    found = json.loads(said)
    return found if isinstance(found, dict) else None


def metrics(path: Path) -> list[Row]:
    """Every figure of the metrics page. Raises OSError when nobody listens."""
    _, text = _call(path, "GET", "/metrics", None)
    return [(name, dict(_LABEL.findall(labels or "")), float(value)) for name, labels, value in _ROW.findall(text)]


def in_flight(path: Path) -> dict[str, int]:
    """Requests that each upstream is answering, by its address. Raises OSError when nobody listens."""
    _, said = _call(path, "GET", "/reverse_proxy/upstreams", None)
    return {str(row["address"]): int(row["num_requests"]) for row in json.loads(said)}


def is_healthy(path: Path) -> bool:
    """Whether what is behind a server's private socket finds itself healthy, as Caddy's own checks ask it."""
    try:
        return _call(path, "GET", HEALTH_PATH, None, _HEALTH_S)[0] == 200
    except OSError:
        return False


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, limit_s: float) -> None:
        super().__init__("127.0.0.1", timeout=limit_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _call(path: Path, method: str, where: str, body: bytes | None, limit_s: float = _ANSWER_S) -> tuple[int, str]:
    connection = _Connection(path, limit_s)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, where, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"Caddy's answer cannot be read: {error}") from error
    finally:
        connection.close()
