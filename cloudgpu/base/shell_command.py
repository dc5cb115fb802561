"""A shell command that somebody gives now and that will run later, when nobody is there to mend it."""

import os
import re
import shlex
import subprocess

from cloudgpu.base.errors import UsageError

_PLAIN_WORD = re.compile(r"[\w./+~-]+")
"""A word of a command that the shell takes as it stands."""


def check_command(command: str) -> None:
    """Run nothing but the shell's own check of it.

    Raises UsageError for what the shell cannot read, and for a program that is not there.
    """
    read = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
    if read.returncode:
        why = read.stderr.strip().rpartition(": ")[2] or "it cannot be read"
        raise UsageError(f"the shell cannot read the command {command!r}: {why}", hint="try it in a shell first")
    program = _program_of(command)
    if program and subprocess.run(["sh", "-c", 'command -v -- "$1"', "sh", program], capture_output=True).returncode:
        raise UsageError(f"there is no program {program!r} to run", hint="give its whole path, or install it")


def _program_of(command: str) -> str | None:
    """The program that a command begins with; None where only the shell can tell."""
    words = iter(shlex.shlex(command, posix=True, punctuation_chars=True))
    try:
        first = next(words, "")
    except ValueError:
        return None
    return os.path.expanduser(first) if _PLAIN_WORD.fullmatch(first) else None
