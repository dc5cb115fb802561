"""The gateway that Caddy is: started in the background with a configuration that stays, led by files."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.gateway.answers import port_in_use, refused
from cloudgpu.moving.gateway.base import Reading, SideReading
from cloudgpu.moving.gateway.caddy import admin
from cloudgpu.moving.gateway.caddy.config import config_of, dial_of, server_of, socket_of
from cloudgpu.moving.gateway.caddy.slots import SHARES, SLOTS, Places, places_of, shares_text, side_files
from cloudgpu.moving.gateway.port import need_port
from cloudgpu.moving.gateway.route import Route, Upstream, load_route, save_route, write_private
from cloudgpu.moving.gateway.run_dir import run_dir
from cloudgpu.moving.gateway.waiting import wait_until

OLDEST = (2, 9)
_START_S = 60.0
_STOP_S = 60.0
_REAP_S = 2.0
_HOW_TO_GET = "2.9 or later: pip install 'cloudgpu[caddy]'; or the default: sudo apt install haproxy"


@dataclass(frozen=True, slots=True)
class CaddyGateway:
    """See `Gateway`. `folder` holds the route, the configuration and the files that Caddy reads: it works in there."""

    folder: Path

    def check(self) -> None:
        """See `Gateway`."""
        _program()

    def apply(self, route: Route) -> None:
        """See `Gateway`. Sides and shares are files; only an address, key or certificate is configuration."""
        _reap()
        places = places_of(route, self._names())
        known, running = load_route(self.folder), self._running()
        was_ours = known is not None and (known.host, known.port) == (route.host, route.port)
        if running is None or not was_ours:
            need_port(route, was_ours=was_ours)
        self._write(route, places)
        wanted = config_of(route, run_dir(self.folder))
        if running is not None and running != wanted:
            admin.load(self._admin, wanted)
        write_private(self._config, json.dumps(wanted, indent=2))
        save_route(self.folder, route)
        if running is None:
            self._start(_program(), route)

    def reading(self) -> Reading | None:
        """See `Gateway`. The counters are those of a slot, and go on with the next side that stands there."""
        route = load_route(self.folder)
        try:
            rows, running = admin.metrics(self._admin), admin.in_flight(self._admin)
        except OSError:
            return None
        places = places_of(route, self._names()) if route else {}
        return {side.name: self._side(slot, side, rows, running) for slot, side in places.items() if side}

    def config(self) -> str:
        """See `Gateway`."""
        route = load_route(self.folder)
        if route is None:
            return ""
        hidden = route.redacted()
        files = dict(_files(hidden, places_of(hidden, self._names())))
        return json.dumps({"caddy": config_of(hidden, run_dir(self.folder)), "files": files}, indent=2)

    def stop(self) -> bool:
        """See `Gateway`."""
        try:
            admin.stop(self._admin)
        except OSError:
            return False
        wait_until(lambda: self._running() is None, _STOP_S, "Caddy does not end")
        with contextlib.suppress(CloudgpuError):  # somebody else's child is fetched by nobody here
            wait_until(lambda: not _mine(self._config), _REAP_S, "")
        return True

    @property
    def _config(self) -> Path:
        return self.folder / "caddy.json"

    @property
    def _admin(self) -> Path:
        return run_dir(self.folder) / "admin.sock"

    def _names(self) -> dict[str, str]:
        """Who stands in each slot now."""
        return {slot: self._text(f"{slot}.name") or "" for slot in SLOTS}

    def _text(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _write(self, route: Route, places: Places) -> None:
        """What Caddy reads. A kill on the way is put right by the next act."""
        for name, text in _files(route, places):
            if self._text(name) != text:
                write_private(self.folder / name, text)

    def _running(self) -> dict[str, Any] | None:
        """The configuration that runs; None when nothing does."""
        try:
            return admin.config(self._admin)
        except (OSError, ValueError):
            return None

    def _start(self, program: str, route: Route) -> None:
        log = self.folder / "caddy.log"
        write_private(log, "")
        own = {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        with log.open("ab") as told:
            child = subprocess.Popen(
                [program, "run", "--config", str(self._config)], env=os.environ | own, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True,
            )  # fmt: skip
        _CHILDREN.append(child)
        wait_until(
            lambda: self._running() is not None or child.poll() is not None, _START_S,
            "Caddy does not answer after its start",
        )  # fmt: skip
        if child.poll() is not None:
            raise _refused(log.read_text(encoding="utf-8", errors="replace"), route)

    def _side(self, slot: str, side: Upstream, rows: list[admin.Row], running: dict[str, int]) -> SideReading:
        sockets = run_dir(self.folder)
        asked = [
            (labels.get("code", ""), int(value))
            for name, labels, value in rows
            if name == "caddy_http_request_duration_seconds_count"
            and labels.get("server") == server_of(slot) and labels.get("handler") == "reverse_proxy"
            and labels.get("method") == "POST"
        ]  # fmt: skip
        return SideReading(
            weight=side.weight,
            standby=side.standby,
            up=admin.is_healthy(socket_of(slot, sockets)),
            in_flight=running.get(dial_of(slot, sockets), 0),
            requests=sum(count for _, count in asked),
            errors=sum(count for code, count in asked if not code.startswith(("1", "2", "3", "4"))),
        )


def _files(route: Route, places: Places) -> Iterator[tuple[str, str]]:
    """Every file with its text, in the order of writing: who comes, then the shares, then who is gone."""
    coming = [slot for slot in SLOTS if places[slot]]
    for slot in coming:
        yield from side_files(slot, places[slot]).items()
    yield SHARES, shares_text(route, places)
    for slot in set(SLOTS).difference(coming):
        yield from side_files(slot, None).items()


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
    found = shutil.which("caddy", path=str(beside)) or shutil.which("caddy")
    if found is None:
        raise CloudgpuError("Caddy is not installed", hint=_HOW_TO_GET)
    done = subprocess.run([found, "version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r"v?(\d+)\.(\d+)", done.stdout)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise CloudgpuError(
            f"{found} is too old: {done.stdout.strip() or 'it does not tell its version'}",
            hint=_HOW_TO_GET,
        )
    return found


def _refused(said: str, route: Route) -> CloudgpuError:
    if "address already in use" in said:
        return port_in_use(route)
    last = said.strip().splitlines()[-1] if said.strip() else "it does not say why"
    return refused("Caddy", last)
