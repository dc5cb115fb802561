"""The gateway that Caddy is: started in the background, handed a whole configuration at every change."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.gateway.answers import port_in_use, refused
from cloudgpu.moving.gateway.base import Reading, SideReading
from cloudgpu.moving.gateway.caddy import admin
from cloudgpu.moving.gateway.caddy.config import LISTENING_FD, config_of, dial_of
from cloudgpu.moving.gateway.route import Route, Upstream, load_route, save_route, write_private
from cloudgpu.moving.gateway.run_dir import run_dir
from cloudgpu.moving.gateway.waiting import wait_until

OLDEST = (2, 9)
_START_S = 60.0
_STOP_S = 60.0
_REAP_S = 2.0
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class CaddyGateway:
    """See `Gateway`. `folder` holds the route and the configuration."""

    folder: Path

    def check(self) -> None:
        """See `Gateway`."""
        _program()

    def apply(self, route: Route) -> None:
        """See `Gateway`. Caddy takes the new configuration while the old one finishes what it answers."""
        _reap()
        wanted, known = config_of(route, run_dir(self.folder)), load_route(self.folder)
        if known is not None and (known.host, known.port) != (route.host, route.port):
            self.stop()  # its socket was made when it was started
        try:
            admin.load(self._admin, wanted)
            self._keep(route)
        except OSError:
            self._keep(route)
            self._start(_program(), route)

    def reading(self) -> Reading | None:
        """See `Gateway`. The counters begin anew with every change of the configuration."""
        route = load_route(self.folder)
        try:
            rows, running = admin.metrics(self._admin), admin.in_flight(self._admin)
        except OSError:
            return None
        return {each.name: self._side(each, rows, running) for each in route.upstreams} if route else None

    def config(self) -> str:
        """See `Gateway`."""
        route = load_route(self.folder)
        return json.dumps(config_of(route.redacted(), run_dir(self.folder)), indent=2) if route else ""

    def stop(self) -> bool:
        """See `Gateway`."""
        try:
            admin.stop(self._admin)
        except OSError:
            return False
        wait_until(lambda: not self._answers(), _STOP_S, "Caddy does not end")
        with contextlib.suppress(CloudgpuError):  # somebody else's child is fetched by nobody here
            wait_until(lambda: not _mine(self._config), _REAP_S, "")
        return True

    @property
    def _config(self) -> Path:
        return self.folder / "caddy.json"

    @property
    def _admin(self) -> Path:
        return run_dir(self.folder) / "admin.sock"

    def _keep(self, route: Route) -> None:
        write_private(self._config, json.dumps(config_of(route, run_dir(self.folder)), indent=2))
        save_route(self.folder, route)

    def _answers(self) -> bool:
        try:
            return admin.config(self._admin) is not None
        except (OSError, ValueError):
            return False

    def _start(self, program: str, route: Route) -> None:
        log = self.folder / "caddy.log"
        write_private(log, "")
        own = {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        with log.open("ab") as told, _listening(route):
            child = subprocess.Popen(
                [program, "run", "--config", str(self._config)], env=os.environ | own, pass_fds=[LISTENING_FD],
                stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True, cwd="/",
            )  # fmt: skip
        _CHILDREN.append(child)
        wait_until(
            lambda: self._answers() or child.poll() is not None, _START_S, "Caddy does not answer after its start"
        )
        if child.poll() is not None:
            raise _refused(log.read_text(encoding="utf-8", errors="replace"))

    def _side(self, side: Upstream, rows: list[admin.Row], running: dict[str, int]) -> SideReading:
        server, dial = f"side-{side.name}", dial_of(side.name, run_dir(self.folder))
        asked = [
            (labels.get("code", ""), int(value))
            for name, labels, value in rows
            if name == "caddy_http_request_duration_seconds_count"
            and labels.get("server") == server and labels.get("handler") == "reverse_proxy"
            and labels.get("method") == "POST"
        ]  # fmt: skip
        healthy = [value for name, labels, value in rows
                   if name == "caddy_reverse_proxy_upstreams_healthy" and labels.get("upstream") == dial]  # fmt: skip
        return SideReading(
            weight=side.weight,
            standby=side.standby,
            up=bool(healthy and healthy[0]),
            in_flight=running.get(dial, 0),
            requests=sum(count for _, count in asked),
            errors=sum(count for code, count in asked if not code.startswith(("1", "2", "3", "4"))),
        )


@contextlib.contextmanager
def _listening(route: Route) -> Iterator[None]:
    """Hold the socket that clients connect to under the number that Caddy knows. Raises PortInUseError."""
    with socket.socket(socket.AF_INET6 if ":" in route.host else socket.AF_INET) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((route.host, route.port))
            made.listen(_BACKLOG)
        except OSError:
            raise port_in_use(route) from None
        os.dup2(made.fileno(), LISTENING_FD, inheritable=False)
        try:
            yield
        finally:
            os.close(LISTENING_FD)


_CHILDREN: "list[subprocess.Popen[bytes]]" = []
"""What this very process has started: it outlives it, and would be a zombie should it end before."""


def _mine(config: Path) -> bool:
    """Whether a child of this process still runs with that configuration."""
    _reap()
    return any(str(config) in child.args for child in _CHILDREN if isinstance(child.args, list))


def _reap() -> None:
    """Fetch those of them that have ended."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]


def _program() -> str:
    beside = Path(sys.executable).parent
    found = shutil.which("caddy") or shutil.which("caddy", path=str(beside))
    if found is None:
        raise CloudgpuError(
            "Caddy is not installed",
            hint="2.7 or later: https://caddyserver.com/docs/install; or the default: sudo apt install haproxy",
        )
    done = subprocess.run([found, "version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r"v?(\d+)\.(\d+)", done.stdout)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise CloudgpuError(
            f"{found} is too old: {done.stdout.strip() or 'it does not tell its version'}",
            hint="Caddy 2.7 or later is needed (Debian 12 has 2.6); or: sudo apt install haproxy, which is the default",
        )
    return found


def _refused(said: str) -> CloudgpuError:
    last = said.strip().splitlines()[-1] if said.strip() else "it does not say why"
    return refused("Caddy", last)
