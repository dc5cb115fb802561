"""Other people's clients, each in an environment of its own, made once under CLOUDGPU_TEST_CACHE.

The cache is ~/.cache/cloudgpu-tests by default. A client that cannot be installed here is a skipped test that says why.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("CLOUDGPU_TEST_CACHE") or Path.home() / ".cache" / "cloudgpu-tests")


def installed(name, *packages, bare=()):
    """The folder of an environment's programs. `bare` packages come without what they say they need: most of them ask
    for a hundred others, of which the few modules that are driven here load the `packages` alone."""
    home = CACHE / name
    wanted = "\n".join((*bare, *packages))
    ready = home / ".ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") not in ("", wanted):
        _run([sys.executable, "-m", "venv", "--clear", str(home)], name)
        pip = [str(home / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
        if bare:
            _run([*pip, "--no-deps", *bare], name)
        _run([*pip, *packages], name)
        ready.write_text(wanted, encoding="utf-8")
    return home / "bin"


def answer_of(folder, script, *arguments, environment):
    """Run a script in a client's Python; what it prints last, as JSON, is the answer."""
    command = [str(folder / "python"), "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _run(command, name):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{name} cannot be installed here: {last}")
