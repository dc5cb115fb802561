"""What a user may meet: a folder that takes nothing, half a journal, another tool, endless answers."""

import json
import os
import resource
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudgpu.emulator.rig import Rig
from tests.no_power import obey_permissions

pytestmark = pytest.mark.slow

UP = ("up", "qwen3-0.6b", "--provider", "vast", "--gpu", "RTX 4090", "--yes")
_ON_THE_RIGS_CLOCK = """
import os, sys
from pathlib import Path
from cloudgpu.cli import main, session
from cloudgpu.emulator.standing_clock import StandingClock
from cloudgpu.running import providers
clock = StandingClock(Path(os.environ["RIG_CLOCK"]))
session.SystemClock = providers.SystemClock = lambda: clock
main.main()
"""


class User:
    """Types commands at a home of their own; what came of the last stands in `out` and `err`."""

    def __init__(self, home, rig):
        self.home, self.rig = home, rig
        self.out = self.err = ""

    def types(self, *words, limit=None, **more):
        environment = {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "COLUMNS": "140", "VAST_URL": self.rig.url,
            "VAST_API_KEY": self.rig.vast_key.reveal(), "RIG_CLOCK": str(self.rig.clock.path), **more,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _ON_THE_RIGS_CLOCK, *words], env=environment, text=True, capture_output=True,
            check=False, timeout=200, stdin=subprocess.DEVNULL, preexec_fn=limit,
        )  # fmt: skip
        self.out, self.err = done.stdout, done.stderr
        assert "Traceback" not in self.out + self.err
        assert "cloudgpu does not know" not in self.err
        return done.returncode

    @property
    def journal(self):
        return self.home / ".local/state/cloudgpu/cloudgpu.db"


@pytest.fixture
def user(tmp_path):
    with Rig() as rig:
        rig.record()
        yield User(tmp_path, rig)


def test_a_folder_that_cannot_be_written_rents_nothing(user):
    assert user.types(*UP, XDG_STATE_HOME="/proc/self") == 1
    assert "Error: " in user.err
    assert "Hint: " in user.err
    assert user.rig.ever_rented() == []


@pytest.mark.parametrize("place", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_journal_that_would_forget_what_bills_rents_nothing(user, place):
    assert user.types(*UP, CLOUDGPU_STORE=place) == 1
    assert "a journal in memory forgets what bills" in user.err
    assert user.types("cost", CLOUDGPU_STORE=place) == 1
    assert user.rig.ever_rented() == []


def test_a_full_disk_rents_nothing(user):
    assert user.types("status", "--offline") == 0
    assert user.types(*UP, limit=_full) == 1
    assert "cannot be" in user.err
    assert user.rig.ever_rented() == []


@pytest.mark.parametrize("words", [("down", "--all", "--yes"), ("gc", "--destroy", "--expired", "--yes")])
def test_a_disk_that_is_full_keeps_nothing_from_going_and_is_said(user, words):
    assert user.types(*UP, "--hours", "1") == 0
    user.rig.clock.sleep(7200)
    assert user.types(*words, limit=_full) == 1
    assert user.rig.rented() == []
    assert "the journal could not note it" in user.err
    assert "free some space" in user.err
    assert user.types("down", "--all", "--yes") == 0  # with room again, it is settled
    assert json.loads(_said(user, "status", "--json"))["deployments"] == []


@pytest.mark.parametrize("words", [("down", "--all", "--yes"), ("gc", "--destroy", "--expired", "--yes")])
def test_a_folder_that_may_only_be_read_keeps_nothing_from_being_shown_and_going(user, words):
    assert user.types(*UP, "--hours", "1") == 0
    user.rig.clock.sleep(7200)
    user.journal.parent.chmod(0o555)
    assert user.types("status", limit=obey_permissions) == 1
    assert "ready" in user.out
    assert user.types("cost", limit=obey_permissions) == 1
    assert "Burning $" in user.out
    assert user.types("status", "--offline", limit=obey_permissions) == 0  # nothing was seen that could be noted
    assert user.types("doctor", limit=obey_permissions) == 1
    assert "✗ journal: " in user.out
    assert "✓ qwen3-0.6b: ready, $" in user.out
    assert user.types(*words, limit=obey_permissions) == 1
    assert user.rig.rented() == []
    assert "the journal could not note it" in user.err
    assert "--restore-journal" not in user.err
    user.journal.parent.chmod(0o755)
    assert user.types("down", "--all", "--yes") == 0


def test_what_does_not_end_on_a_full_disk_may_still_bill(user):
    assert user.types(*UP) == 0
    user.rig.fault("vast", on="destroy", do="ignored", times=None)
    assert user.types("down", "--all", "--yes", limit=_full) == 6
    (rented,) = user.rig.rented()
    assert f"instance {rented.instance_id} may still bill" in user.err
    assert "Hint: look at http" in user.err


@pytest.mark.parametrize("words", [("status",), ("gc",), ("down", "qwen3-0.6b", "--yes"), UP, ("cost",)])
def test_half_a_journal_is_refused_and_never_taken_for_an_empty_one(user, words):
    user.types("status", "--offline")
    user.journal.write_bytes(user.journal.read_bytes()[: user.journal.stat().st_size // 2])
    for more in ("-wal", "-shm"):
        user.journal.with_name(user.journal.name + more).unlink(missing_ok=True)
    assert user.types(*words) == 1
    assert "journal" in user.err
    assert "Nothing is rented" not in user.out
    assert user.rig.ever_rented() == []


def test_a_journal_that_is_gone_is_refused_and_never_taken_for_an_empty_one(user):
    assert user.types(*UP) == 0
    user.types("status", "--offline")
    user.journal.unlink()
    for words in (
        ("status",), ("gc",), ("cost",), ("cost", "--offline"), ("cost", "export", "--format", "csv"), ("budget",), UP,
    ):  # fmt: skip
        assert user.types(*words) == 1
        assert "is gone" in user.err
        assert "cloudgpu doctor --restore-journal" in user.err


def test_an_instance_that_was_removed_by_hand_is_missed_and_taken_off_the_books(user):
    assert user.types(*UP) == 0
    (rented,) = user.rig.rented()
    user.rig.destroy("vast", rented.instance_id)
    assert user.types("status") == 5
    assert "lists nothing" in user.err
    assert user.types("down", "--all", "--yes") == 0
    assert json.loads(_said(user, "status", "--json"))["deployments"] == []


def test_what_another_tool_rents_in_the_same_account_is_left_alone(user):
    import requests

    for label in ("training 7", "名前 'quoted' \"twice\"", "cloudgpu-deadbeef-x-0123456789ab-20200101T0000Z"):
        _rent_elsewhere(requests.Session(), user.rig, label)
    before = {each.instance_id for each in user.rig.rented()}
    assert user.types(*UP) == 0
    assert user.types("gc", "--destroy", "--expired", "--yes") == 0
    assert user.types("down", "--all", "--yes") == 0
    assert {each.instance_id for each in user.rig.rented()} == before


@pytest.mark.parametrize("name", ["a'b", 'a"b', "名前", "a b", "A", "", "../x", "-x", "a" * 64])
def test_a_name_that_cannot_be_one_is_one_sentence(user, name):
    assert user.types(*UP, f"--name={name}") == 2
    assert user.rig.ever_rented() == []


def test_an_answer_of_200_megabytes_is_refused_without_being_held(user):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert user.types(*UP) == 0
        before_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert user.types("status", VAST_URL=f"http://127.0.0.1:{server.server_port}") == 5
        assert "qwen3-0.6b is shown as it was seen" in user.err
        after_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert after_kib < max(before_kib, 400_000)
    finally:
        server.shutdown()
        server.server_close()
    assert user.types("down", "--all", "--yes") == 0


class _Endless(BaseHTTPRequestHandler):
    """Two hundred megabytes of a listing, whatever was asked for."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(200 * 1024 * 1024))
        self.end_headers()
        piece = b'{"instances": [' + b'{"id": 1}, ' * 100_000
        try:
            for _ in range(200 * 1024 * 1024 // len(piece)):
                self.wfile.write(piece)
        except OSError:
            return

    def log_message(self, *_):
        return


def _full():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _said(user, *words):
    assert user.types(*words) == 0
    return user.out


def _rent_elsewhere(session, rig, label):
    headers = {"Authorization": f"Bearer {rig.vast_key.reveal()}"}
    wanted = {"gpu_name": {"eq": "RTX 3090"}, "order": [["dph_total", "asc"]], "limit": 1}
    found = session.post(f"{rig.url}/api/v0/bundles/", json=wanted, headers=headers, timeout=60).json()["offers"][0]
    body = {"client_id": "me", "image": "ubuntu:24.04", "env": {}, "disk": 10, "label": label, "runtype": "args"}
    session.put(f"{rig.url}/api/v0/asks/{found['id']}/", json=body, headers=headers, timeout=60).raise_for_status()
    session.close()
