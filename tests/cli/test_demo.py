"""`cloudgpu demo` is the whole journey, and its books balance."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def play(tmp_path, *more):
    """The demo's output, once it has ended well and left nothing behind."""
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "cloudgpu", "demo", *more]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "equal to the last digit" in done.stdout
    assert "Nothing bills now" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.glob("cloudgpu-demo-*")), "the demo cleans up after itself"
    assert not (tmp_path / "cloudgpu").exists(), "the demo touches nothing of the user's own"
    return done.stdout + done.stderr


def test_the_demo_ends_with_equal_bills_and_nothing_rented(tmp_path):
    play(tmp_path)


def test_the_demo_of_a_migration_rolls_back_by_itself_and_loses_no_request(tmp_path):
    told = play(tmp_path, "--migrate")
    assert re.search("rolled back by itself: qwen-14b (fails|does not answer)", told)
    asked = re.search(r"(\d+) of (\d+) answered", told)
    assert asked[1] == asked[2] != "0"
