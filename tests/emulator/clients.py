"""Other people's clients, each in an environment of its own, made once under CLOUDGPU_TEST_CACHE.

The cache is ~/.cache/cloudgpu-tests by default. uv makes them, far faster than pip, from where pip is told to look.
A client that cannot be installed here is a skipped test that says why.
"""

import ast
import fcntl
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("CLOUDGPU_TEST_CACHE") or Path.home() / ".cache" / "cloudgpu-tests")
UVS_WORDS = {
    "index-url": ("UV_DEFAULT_INDEX", " "), "extra-index-url": ("UV_INDEX", " "), "find-links": ("UV_FIND_LINKS", ","),
    "cert": ("SSL_CERT_FILE", " "), "default-timeout": ("UV_HTTP_TIMEOUT", " "), "timeout": ("UV_HTTP_TIMEOUT", " "),
}  # fmt: skip
"""A setting of pip's: what uv calls it, and what stands between several."""


def installed(name, *packages, bare=(), python=sys.executable):
    """The folder of an environment's programs. `bare` packages come without what they say they need: most of them ask
    for a hundred others, of which the few modules that are driven here load the `packages` alone."""
    CACHE.mkdir(parents=True, exist_ok=True)
    home = CACHE / name
    with (CACHE / f"{name}.lock").open("w", encoding="utf-8") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # another test process may be making it
        _make(home, packages, bare, python)
    return home / "bin"


def answer_of(folder, script, *arguments, environment):
    """Run a script in a client's Python; what it prints last, as JSON, is the answer."""
    command = [str(folder / "python"), "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _make(home, packages, bare, python):
    ready, wanted = home / ".ready", "\n".join((*bare, *packages))
    if ready.exists() and ready.read_text(encoding="utf-8") in ("", wanted):
        return
    _uv(home.name, "venv", "--clear", "--python", python, home)
    install = ("pip", "install", "--python", home / "bin" / "python")
    if bare:
        _uv(home.name, *install, "--no-deps", *bare)
    _uv(home.name, *install, *packages)
    ready.write_text(wanted, encoding="utf-8")


def _uv(name, *arguments):
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{name} cannot be installed here: {' '.join(done.stderr.split()) or 'no reason given'}")


@cache
def _environment():
    """pip's settings in uv's words; of several indexes the best version of all, as pip has it."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings = dict(line.split("=", 1) for line in told.stdout.splitlines())
    found = {"UV_CACHE_DIR": str(CACHE / "uv"), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    for key, value in settings.items():
        if key.rpartition(".")[2] in UVS_WORDS:
            name, between = UVS_WORDS[key.rpartition(".")[2]]
            places = (each for each in ast.literal_eval(value).split() if each[0] != "/" or Path(each).exists())
            found[name] = between.join(places)  # pip passes over a folder that is not there, uv ends
    return {**found, **os.environ}
