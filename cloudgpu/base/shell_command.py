"""A shell command that somebody gives now and that will run later, when nobody is there to mend it."""

import os
import re
import shlex
import subprocess

from cloudgpu.base.errors import UsageError

_FIRST_WORD = re.compile(
    r"""\s*(?:(?P<plain>[\w./+~-]+)|'(?P<single>[^']*)'|"(?P<double>[^"$`\\]*)")(?=[\s;&|<>()]|$)"""
)
"""The first word of a command where the shell takes it as it stands."""


def check_command(command: str) -> str:
    """The command as it can be kept: from any folder it begins with the program that it begins with here.

    A relative path to a program, as its first word, is made a whole one; all else stays as it was typed. Runs nothing
    but the shell's own check of it. Raises UsageError for what the shell cannot read, and for a program that is not
    there.
    """
    read = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
    if read.returncode:
        why = read.stderr.strip().rpartition(": ")[2] or "it cannot be read"
        raise UsageError(f"the shell cannot read the command {command!r}: {why}", hint="try it in a shell first")
    word = _FIRST_WORD.match(command)
    if word is None:
        return command
    program = _program_of(word)
    if program and subprocess.run(["sh", "-c", 'command -v -- "$1"', "sh", program], capture_output=True).returncode:
        raise UsageError(f"there is no program {program!r} to run", hint="give its whole path, or install it")
    if "/" not in program or os.path.isabs(program):
        return command
    return shlex.quote(os.path.abspath(program)) + command[word.end() :]


def _program_of(word: re.Match[str]) -> str:
    """The program that the shell looks for; it knows the home folder only where no quotes stand."""
    plain = word["plain"]
    return os.path.expanduser(plain) if plain else word["single"] or word["double"] or ""
