"""A service on an emulator, used through the command line: with its own processes, state and address files."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudgpu.base.settings import read_settings
from cloudgpu.cli.session import Session
from cloudgpu.emulator import process
from cloudgpu.moving import address
from cloudgpu.moving.gateway.desk import gateway_of
from tests.free_port import free_port

needs_haproxy = pytest.mark.skipif(
    shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="HAProxy is not installed"
)

TO_QWEN = ("migrate", "--from", "mistral", "--to", "qwen-14b", "--yes",
           "--gates", str(Path(__file__).parent / "unhurried_gates.yaml"))  # fmt: skip


class Market:
    """An emulator with one service on it, and the command line beside it."""

    def __init__(self, home: Path, speed: float):
        kept = ("PATH", "PYTHONPATH", "LANG")
        self.environment = {k: os.environ[k] for k in kept if k in os.environ} | {
            "HOME": str(home), "XDG_STATE_HOME": str(home), "NO_COLOR": "1",
        }  # fmt: skip
        self.session = Session(read_settings(self.environment))
        self.state_dir = self.session.settings.state_dir
        self.status = process.start(self.state_dir, speed=speed, seed=7)

    def go_on(self, speed):
        """The same market on a clock of another speed; with 0 it stands until somebody waits."""
        process.stop(self.state_dir)
        self.status = process.start(self.state_dir, speed=speed)

    def begin(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "cloudgpu", *arguments], env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments, status=0):
        done = self.begin(*arguments)
        out, err = done.communicate(timeout=300)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{out}\n{err}"
        return out

    def alive(self):
        return process.call(self.status, "GET", "/emulator/status")["instances"]

    def bill(self):
        return process.call(self.status, "GET", "/emulator/bill")

    def serving(self):
        return address.read("mistral", self.state_dir).deployment

    def wait_until(self, is_so, what):
        deadline = time.monotonic() + 120
        while not is_so():
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            time.sleep(0.02)


@contextmanager
def behind_a_gateway(home: Path, speed: float, provider: str = "emulator") -> Iterator[Market]:
    """Mistral 7B as the service `mistral`, behind HAProxy; nothing is left running."""
    here = Market(home, speed=speed)
    try:
        here.run("up", "mistral", "--provider", provider, "--yes")
        here.run("gateway", "start", "--port", str(free_port()))  # not the next one, which another test may be taking
        yield here
    finally:
        found = gateway_of(here.state_dir, "mistral")
        if found:
            found[0].stop()
        here.session.store.close()
        process.stop(here.state_dir)
