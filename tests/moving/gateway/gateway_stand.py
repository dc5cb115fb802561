"""A real gateway before two emulated engines, for tests that look at it from the clients' side."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

from gateway_clients import Crowd

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.secret import Secret
from cloudgpu.moving.gateway.desk import open_gateway
from cloudgpu.moving.gateway.route import Route, Upstream
from tests.free_port import free_port

CLIENTS = 50
HERE = Path(__file__).parent


class Engines:
    """Two emulated engines, each a process with a key of its own; a killed one is started anew for the next test."""

    def __init__(self):
        self.processes, self.ports = {}, {name: free_port() for name in ("new", "old")}

    def start(self):
        for name in self.ports:
            if name not in self.processes or self.processes[name].poll() is not None:
                self.processes[name] = self._started(name)
        until(lambda: all(map(self._is_up, self.ports)), "both engines are up")

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def close(self):
        for engine in self.processes.values():
            engine.kill()
            engine.wait()

    def _started(self, name):
        return subprocess.Popen(
            [sys.executable, str(HERE / "engine.py"), str(self.ports[name]), f"k-{name}", name, "40"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _is_up(self, name):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[name]), timeout=2):
            return True
        return False


class Stand:
    """A gateway on a port, before two engines."""

    def __init__(self, kind, folder, engines):
        self.engines, self.gateway = engines, open_gateway(kind, folder)
        self.route = Route(
            service="service", kind=kind, host="127.0.0.1", port=free_port(), client_key=Secret("sk-client"),
        )  # fmt: skip

    def lead(self, *, old, new, standby=None, **changes):
        """Make the gateway send so many percent to each side; None leaves a side out."""
        weights = {"old": old, "new": new}
        sides = [
            Upstream(
                name=name, url=f"http://127.0.0.1:{self.engines.ports[name]}", api_key=Secret(f"k-{name}"),
                model=f"org/{name}", weight=weight, standby=name == standby,
            )
            for name, weight in weights.items() if weight is not None
        ]  # fmt: skip
        self.route = replace(self.route.leading_to(*sides), **changes)
        self.gateway.apply(self.route)
        if None not in (old, new):
            until(lambda: all(side.up for side in self.gateway.reading().values()), "both sides are seen up")

    def kill_gateway(self):
        """As the machine's owner might: without a word. The processes are found by the folder in their command."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.gateway.folder).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    def answer_while(self, acts, *, between=2 * CLIENTS):
        """Fifty clients ask while the acts are done, each after so many more answers; what they were answered."""
        crowd = Crowd(self.route.port, "sk-client")

        async def more_answers():
            wanted = crowd.answers.total() + between
            while crowd.answers.total() < wanted:
                await asyncio.sleep(0.02)

        async def run():
            asking = asyncio.create_task(crowd.ask_at_once(CLIENTS))
            for act in acts:
                await asyncio.wait_for(more_answers(), 120)
                await asyncio.to_thread(act)
            await asyncio.wait_for(more_answers(), 120)
            crowd.stop = True
            await asyncio.wait_for(asking, 120)

        asyncio.run(run())
        return crowd

    def ask(self, key="sk-client", model="service", headers=None, path="/v1/chat/completions"):
        """Status and the body of one request."""
        sent = urllib.request.Request(
            f"{self.route.url}{path}",
            data=b'{"model": "%s", "messages": [{"role": "user", "content": "Who are you?"}]}' % model.encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(sent, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def who(self, **asked):
        status, said = self.ask(**asked)
        return "new" if "I am new" in said else "old" if "I am old" in said else status

    def close(self):
        with contextlib.suppress(CloudgpuError):
            self.gateway.stop()


def until(is_so, what, limit_s=120):
    over_at = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < over_at, f"waited in vain until {what}"
        time.sleep(0.05)
