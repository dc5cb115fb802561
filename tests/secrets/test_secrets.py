"""Keys and tokens are where they must be and nowhere else: everything that is written, printed or sent is searched."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from cloudgpu.emulator.rig import Rig

VAST_KEY = "PLANTEDVASTKEY0123456789abcdef0123456789abcdef"
RUNPOD_KEY = "rpa_PLANTEDRUNPODKEY0123456789ABCDEFGH"
HF_TOKEN = "hf_PLANTEDHFTOKENabcdefghijklmnopqrstuv"
PLANTED = (VAST_KEY, RUNPOD_KEY, HF_TOKEN)

pytestmark = pytest.mark.slow


class User:
    """A home with keys in its environment, and everything that any command printed there."""

    def __init__(self, home, rig):
        self.home, self.rig, self.printed = home, rig, []
        self.environment = {
            "HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "140", "CLOUDGPU_DEBUG": "1",
            "VAST_URL": rig.url, "VAST_API_KEY": VAST_KEY, "RUNPOD_API_BASE_URL": rig.url,
            "RUNPOD_API_KEY": RUNPOD_KEY, "HF_TOKEN": HF_TOKEN, "CAMPAIGN_CLOCK": str(rig.clock.path),
        }  # fmt: skip

    def types(self, *words, **more):
        done = subprocess.run(
            [sys.executable, "-c", _ON_THE_RIGS_CLOCK, *words], env={**self.environment, **more}, text=True,
            capture_output=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.printed.append(done.stdout + done.stderr)
        return done.returncode

    def endpoint_key(self, service):
        file = self.home / ".local/state/cloudgpu/services" / service / "current/endpoint.json"
        return json.loads(file.read_text())["api_key"]

    def files(self):
        return [path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink()]

    def holding(self, secret):
        return {str(path.relative_to(self.home)) for path in self.files() if secret.encode() in path.read_bytes()}


_ON_THE_RIGS_CLOCK = """
import os, sys
from pathlib import Path
from cloudgpu.cli import main, session
from cloudgpu.emulator.standing_clock import StandingClock
from cloudgpu.running import providers
clock = StandingClock(Path(os.environ["CAMPAIGN_CLOCK"]))
session.SystemClock = providers.SystemClock = lambda: clock
main.main()
"""
"""The command line as it is, but for whose clock it waits on."""


@pytest.fixture
def user(tmp_path):
    with Rig(vast_key=VAST_KEY, runpod_key=RUNPOD_KEY) as rig:
        rig.record()
        yield User(tmp_path, rig)


@pytest.fixture(scope="module", params=["vast", "runpod"])
def day(request, tmp_path_factory):
    """A user after a day with every command that talks to a provider or a machine, and with what goes wrong in it."""
    with Rig(vast_key=VAST_KEY, runpod_key=RUNPOD_KEY) as rig:
        rig.record()
        user = User(tmp_path_factory.mktemp("home"), rig)
        user.key = a_day(user, request.param)
        yield user


UP = ("up", "qwen3-0.6b", "--gpu", "RTX 4090", "--name", "a", "--send-hf-token", "--yes")


def a_day(user, provider):
    """Type it all; the key of the endpoint that served."""
    assert user.types("plan", "qwen3-0.6b", "--provider", provider, "--json") == 0
    user.rig.fault(provider, on="create", do="500_after_effect")
    assert user.types(*UP, "--provider", provider) == 0
    for words in (("status", "--json"), ("logs", "a"), ("cost", "--json"), ("gc",), (*UP, "--provider", provider)):
        user.types(*words)
    for form in ("csv", "json"):
        user.types("cost", "export", "--format", form, "--out", str(user.home / f"costs.{form}"))
    key = user.endpoint_key("a")  # a migration that gets far enough gives its new side a key of its own
    user.types("migrate", "--from", "a", "--to", "smollm2-135m", "--yes")
    for call, do, words in (
        ("list", "html", ("status",)), ("list", "auth", ("gc", "--json")), ("logs", "500", ("logs", "a")),
        ("charges", "truncated", ("cost",)), ("any", "close", ("status",)),
    ):  # fmt: skip
        user.rig.fault(provider, on=call, do=do, times=5)
        user.types(*words)
        user.rig.clear_faults()
    user.types("status", VAST_API_KEY="wrong-key", RUNPOD_API_KEY="wrong-key")
    user.types("status", CLOUDGPU_STORE="sqlite:////proc/nowhere/journal.db")
    user.rig.fault(provider, on="destroy", do="502", times=3)
    user.types("down", "--all", "--yes")
    user.rig.clear_faults()
    user.types("gc", "--destroy", "--yes")
    return key


def test_no_key_or_token_is_printed_or_kept(day):
    assert len(day.printed) > 15
    for secret in (*PLANTED, day.key):
        assert not [text for text in day.printed if secret in text]
    for secret in PLANTED:
        assert day.holding(secret) == set()


def test_the_key_of_an_endpoint_is_in_private_files_alone(day):
    private = day.holding(day.key)
    assert all("/cloudgpu.db" in file or "/services/" in file for file in private), private
    assert {os.stat(day.home / file).st_mode & 0o077 for file in private} == {0}


def test_each_key_goes_where_it_must_and_nowhere_else(day):
    received = [each for each in day.rig.received() if not each.path.startswith(_ENGINE_PATHS)]
    for each in received:
        mine = VAST_KEY if each.path.startswith(("/api/", "/bucket/")) else RUNPOD_KEY
        headers = dict(each.headers)
        assert headers.pop("authorization", "") in ("", f"Bearer {mine}", "Bearer wrong-key"), each.path
        elsewhere = json.dumps(headers) + each.path + each.query + each.body
        assert VAST_KEY not in elsewhere, each.path
        assert RUNPOD_KEY not in elsewhere, each.path
        if not _is_create(each):
            assert HF_TOKEN not in elsewhere, each.path
            assert day.key not in elsewhere, each.path
    first = next(each for each in received if _is_create(each))
    assert HF_TOKEN in first.body
    assert day.key in first.body


def test_an_engine_hears_of_no_account(day):
    """A rented machine is somebody else's: it is asked with the key of its own endpoint, or with none."""
    asked = [each for each in day.rig.received() if each.path.startswith(_ENGINE_PATHS)]
    assert asked
    for each in asked:
        everything = json.dumps(dict(each.headers)) + each.path + each.query + each.body
        assert not [secret for secret in PLANTED if secret in everything], each.path


def test_without_being_asked_to_the_token_is_sent_to_nobody(user):
    assert user.types("up", "qwen3-0.6b", "--provider", "vast", "--yes") == 0
    assert [each for each in user.rig.received() if _is_create(each)]
    assert not [each for each in user.rig.received() if HF_TOKEN in each.body]


def test_a_crash_shows_no_secret(user):
    """A journal that holds nonsense, with and without the whole trace."""
    assert user.types(*UP, "--provider", "vast") == 0
    key = user.endpoint_key("a")
    with closing(sqlite3.connect(next(path for path in user.files() if path.name == "cloudgpu.db"))) as journal:
        journal.execute("UPDATE events SET kind = 'nonsense'")
        journal.commit()
    for debug in ("", "1"):
        for words in (("cost",), ("down", "a", "--yes")):
            user.types(*words, CLOUDGPU_DEBUG=debug)
    for secret in (*PLANTED, key):
        assert not [text for text in user.printed if secret in text]
        assert not [file for file in user.holding(secret) if "crash" in file or file.endswith(".log")]


_ENGINE_PATHS = ("/v1/", "/health", "/metrics", "/version")


def _is_create(each):
    return (each.method == "PUT" and each.path.startswith("/api/v0/asks/")) or (
        each.method == "POST" and each.path == "/v2/pods"
    )
