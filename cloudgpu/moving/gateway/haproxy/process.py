"""The gateway that HAProxy is: started in the background, changed while it runs, stopped without cutting a stream."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.gateway.answers import port_in_use, refused
from cloudgpu.moving.gateway.base import Reading, SideReading
from cloudgpu.moving.gateway.haproxy import socket
from cloudgpu.moving.gateway.haproxy.config import STANDBY, config_text, digest
from cloudgpu.moving.gateway.port import need_port
from cloudgpu.moving.gateway.route import Route, load_route, save_route, write_private
from cloudgpu.moving.gateway.run_dir import run_dir
from cloudgpu.moving.gateway.waiting import wait_until

OLDEST = (2, 6)
_RELOAD_S = 60.0
_STOP_S = 60.0
_RUN_S = 30.0


@dataclass(frozen=True, slots=True)
class HaproxyGateway:
    """See `Gateway`. `folder` holds the route and the configuration."""

    folder: Path

    def check(self) -> None:
        """See `Gateway`."""
        _program()

    def apply(self, route: Route) -> None:
        """See `Gateway`. Weights are set over the socket; new sides and keys take a reload, which drops nothing."""
        running = self._digest()
        if running == digest(route):
            self._keep(route)
            return socket.order(self._admin, *_weights(route))
        known = load_route(self.folder)
        moves = running is None or known is None or (known.host, known.port) != (route.host, route.port)
        if moves:
            need_port(route, was_ours=known is not None and (known.host, known.port) == (route.host, route.port))
        program = _program()
        _check(program, route, run_dir(self.folder))
        self._keep(route)
        return self._start(program, route) if running is None else self._reload(route)

    def reading(self) -> Reading | None:
        """See `Gateway`."""
        route = load_route(self.folder)
        try:
            rows = {(row["pxname"], row["svname"]): row for row in self._all_rows()}
        except OSError:
            return None
        if route is None:
            return None
        old = self._in_flight_of_old_workers()
        known = [each.name for each in route.upstreams if ("split", each.name) in rows]
        return {name: _side(name, rows, old.get(name, 0)) for name in known}

    def config(self) -> str:
        """See `Gateway`."""
        route = load_route(self.folder)
        return config_text(route.redacted(), run_dir(self.folder)) if route else ""

    def stop(self) -> bool:
        """See `Gateway`."""
        try:
            master, _ = socket.processes(self._master)
            os.kill(master, signal.SIGUSR1)  # the id is what the process itself says at our private socket
        except OSError:
            return False
        wait_until(lambda: self._digest() is None, _STOP_S, "HAProxy does not stop listening")
        return True

    def _keep(self, route: Route) -> None:
        """First what a later start will do, then what runs: a kill between the two is put right by the next act."""
        write_private(self._config, config_text(route, run_dir(self.folder)))
        save_route(self.folder, route)

    @property
    def _config(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def _admin(self) -> Path:
        return run_dir(self.folder) / "admin.sock"

    @property
    def _master(self) -> Path:
        return run_dir(self.folder) / "master.sock"

    def _digest(self) -> str | None:
        """What the running configuration was made from; None when nothing runs."""
        try:
            socket.processes(self._master)
            return socket.description(self._admin)
        except OSError:
            return None

    def _start(self, program: str, route: Route) -> None:
        master = f"{self._master},mode,600"
        pid_file = run_dir(self.folder) / "pid"
        done = _run(program, "-W", "-D", "-f", str(self._config), "-p", str(pid_file), "-S", master)
        if done.returncode:
            raise _refused(done.stderr, route)
        wait_until(lambda: self._digest() == digest(route), _RELOAD_S, "HAProxy does not answer after its start")

    def _reload(self, route: Route) -> None:
        with contextlib.suppress(OSError):  # the master closes the line as it starts anew
            socket.ask(self._master, "reload")
        wait_until(lambda: self._digest() == digest(route), _RELOAD_S, "HAProxy did not take its new configuration")

    def _all_rows(self) -> list[dict[str, str]]:
        return socket.statistics(socket.ask(self._admin, "show stat"))

    def _in_flight_of_old_workers(self) -> dict[str, int]:
        """Requests that a worker from before a reload still answers, by side."""
        found: dict[str, int] = {}
        with contextlib.suppress(OSError):
            for worker in socket.processes(self._master)[1]:
                if not worker.is_old:
                    continue
                rows = socket.statistics(socket.ask(self._master, f"@!{worker.pid} show stat"))
                for row in rows:
                    if row.get("pxname") == "split" and row.get("scur"):
                        name = row["svname"].removesuffix(STANDBY)
                        found[name] = found.get(name, 0) + int(row["scur"])
        return found


def _program() -> str:
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise CloudgpuError(
            "HAProxy is not installed",
            hint="sudo apt install haproxy (2.6 or later); or: cloudgpu gateway start --kind caddy",
        )
    said = _run(found, "-v").stdout
    version = re.search(r"version (\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise CloudgpuError(
            f"{found} is too old: {said.splitlines()[0] if said else 'it does not tell its version'}",
            hint="HAProxy 2.6 or later is needed: sudo apt install haproxy",
        )
    return found


def _check(program: str, route: Route, sockets: Path) -> None:
    """Nothing that HAProxy would refuse ever takes the place of a configuration that it accepted."""
    draft = sockets / "draft.cfg"
    try:
        write_private(draft, config_text(route, sockets))
        done = _run(program, "-c", "-q", "-f", str(draft))
    finally:
        draft.unlink(missing_ok=True)  # keys are in it, and nobody looks there once the gateway is gone
    if done.returncode:
        raise _refused(done.stderr, route)


def _run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_RUN_S
        )
    except subprocess.TimeoutExpired:  # it looks up the names of its sides, of servers that may be silent
        raise refused("HAProxy", f"it does not come to an end in {_RUN_S:.0f} s") from None


def _refused(said: str, route: Route) -> CloudgpuError:
    if "Address already in use" in said or "cannot bind" in said:
        return port_in_use(route)
    alerts = [line.partition(" : ")[2] for line in said.splitlines() if "ALERT" in line]
    reason = alerts[0] if alerts else said.strip()[-200:] or "it does not say why"
    return refused("HAProxy", reason)


def _weights(route: Route) -> list[str]:
    """Weights that grow come first: at no moment does every side have none."""
    growing = sorted(route.upstreams, key=lambda side: -side.weight)
    orders = [f"set weight split/{side.name} {side.weight}" for side in growing]
    for side in route.upstreams:
        state = "ready" if side.standby else "maint"
        orders.append(f"set server split/{side.name}{STANDBY} state {state}")
    return orders


def _side(name: str, rows: dict[tuple[str, str], dict[str, str]], old_in_flight: int) -> SideReading:
    own, standby, engine = rows["split", name], rows["split", f"{name}{STANDBY}"], rows[f"side-{name}", "engine"]
    both = (own, standby)
    return SideReading(
        weight=int(own["weight"] or 0),
        standby=not standby["status"].startswith("MAINT"),
        up=engine["status"].startswith("UP"),
        in_flight=sum(_count(row, "scur") for row in both) + old_in_flight,
        requests=sum(_count(row, "stot") for row in both),
        errors=sum(_count(row, key) for row in both for key in ("hrsp_5xx", "eresp", "econ", "wretr")),
    )


def _count(row: dict[str, str], key: str) -> int:
    return int(row.get(key) or 0)
