"""A command that is kept begins with the same program from any folder."""

import subprocess

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.base.shell_command import check_command


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which `hook.sh` and `my hook.sh` echo their arguments."""
    folder = tmp_path / "my_hooks"
    folder.mkdir()
    for name in ("hook.sh", "my hook.sh"):
        (folder / name).write_text('#!/bin/sh\necho "ran with $*"\n')
        (folder / name).chmod(0o755)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "typed", ["./hook.sh a", "'./my hook.sh' a", '"./hook.sh" a', "  ../my_hooks/hook.sh a", "./hook.sh a|cat"]
)
def test_a_relative_program_is_found_from_any_folder(here, typed):
    kept = check_command(typed)
    told = subprocess.run(["sh", "-c", kept], cwd="/", capture_output=True, text=True)
    assert (told.stdout, told.returncode) == ("ran with a\n", 0)


@pytest.mark.parametrize("typed", ["echo ./hook.sh", "cat hook.sh", "./hook.sh=1 true", "/bin/ls ./x", "~/../bin/ls"])
def test_all_else_stays_as_it_was_typed(here, monkeypatch, typed):
    monkeypatch.setenv("HOME", "/root/..")
    assert check_command(typed) == typed


def test_a_relative_program_that_is_not_there_is_refused(here):
    with pytest.raises(UsageError, match=r"no program './other\.sh'"):
        check_command("./other.sh --now")
