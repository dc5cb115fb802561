"""`cloudgpu demo` is the whole journey, and its books balance."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_ends_with_equal_bills_and_nothing_rented(tmp_path):
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "cloudgpu", "demo"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "equal to the last digit" in done.stdout
    assert "Nothing bills now" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.glob("cloudgpu-demo-*")), "the demo cleans up after itself"
    assert not (tmp_path / "cloudgpu").exists(), "the demo touches nothing of the user's own"
