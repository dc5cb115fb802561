"""The logical lines of a shell text, whatever their writer's shell: continuations, arrays, systemd units, prompts."""

import re
import shlex
from collections.abc import Iterator

_UNIT = re.compile(r"^ExecStart=[-@:+!]*", re.MULTILINE)
"""The line of a systemd unit that starts something."""

_FOREIGN_BREAK = re.compile(r"(?<=\s)[`^][ \t]*$", re.MULTILINE)
"""What continues a line in PowerShell and in cmd.exe, where guides write commands for them."""

_PROMPT = re.compile(r"^[ \t]*[>$%][ \t]+(?=\S)", re.MULTILINE)
_ARRAY = re.compile(
    r"^([ \t]*\w+=\()(?=\s*(?:\S*vllm\s+serve|\S*python3?\s+-\w*m\s+vllm|docker\s+run)\s)([^()]*)\)", re.M
)
"""`CMD=(vllm serve …)`, which a later line runs."""


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each command line with the number of its first line: continuations joined, comment lines left out."""
    start, kept = 1, ""
    for number, line in enumerate(_as_bash(text).splitlines(), 1):
        if not kept:
            start = number
            if line.lstrip().startswith("#"):
                continue
        kept += line + "\n"
        if line.rstrip().endswith("\\"):
            continue
        if _is_whole(kept):
            yield start, kept
            kept = ""
    if kept.strip():
        yield start, kept


def _as_bash(text: str) -> str:
    """The text as bash would read it, every word where it stood."""
    for pattern in (_UNIT, _PROMPT):
        text = pattern.sub(lambda found: " " * len(found[0]), text)
    return _ARRAY.sub(_unrolled, _FOREIGN_BREAK.sub(r"\\", text))


def _unrolled(found: re.Match[str]) -> str:
    lines = found[2].split("\n")
    return " " * len(found[1]) + " \\\n".join(lines) + " "


def _is_whole(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True
