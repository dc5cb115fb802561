"""Every command of docs/recipes, typed on the emulator or against a Docker daemon on paper.

`# exit 1` behind one is the status that it ends with.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cloudgpu.base.clock import SystemClock
from tests.running.docker_world import SETTINGS, docker_world

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (ROOT / "docs" / "recipes").glob("*.md") if path.name != "README.md")


def commands(page):
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture
def shell(tmp_path):
    """A user's shell with a home of its own, the published profiles and the packing example beside it."""
    shutil.copytree(ROOT / "tests" / "serving" / "lint" / "profiles", tmp_path / "profiles")
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "COLUMNS": "140"}

    def run(line):
        command = line.partition("  #")[0].removeprefix("cloudgpu ")
        words = f"{sys.executable} -m cloudgpu {command}"
        return subprocess.run(
            words, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    run.environment = environment
    yield run
    run("cloudgpu emulator stop")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_recipe_ends_as_the_page_says(page, shell):
    lines = commands(page)
    assert lines
    if any("--provider emulator" in line for line in lines):
        assert shell("cloudgpu emulator start --speed 0").returncode == 0
    with contextlib.ExitStack() as held:
        if any("--provider docker" in line for line in lines):
            world = held.enter_context(docker_world())
            world.daemon.clock = SystemClock()  # what is typed runs in processes of its own, on the machine's time
            shell.environment |= {"DOCKER_HOST": f"unix://{world.daemon.path}"} | SETTINGS
        _type(lines, shell)


def _type(lines, shell):
    for line in lines:
        done = shell(line)
        expected = int(line.rpartition("# exit ")[2]) if "# exit " in line else 0
        assert done.returncode == expected, (line, done.stdout[-2000:], done.stderr[-2000:])
        assert "Traceback" not in done.stderr
