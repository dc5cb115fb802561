"""Servers out of shell text: `vllm serve …`, `python -m vllm.entrypoints…`, `docker run … vllm/vllm-openai …`."""

import re
import shlex
from collections.abc import Iterator, Mapping

from cloudgpu.serving.lint.compose import visible_devices
from cloudgpu.serving.lint.docker_run import read_docker_run
from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.script import commands_of, unwrapped
from cloudgpu.serving.lint.service import Service, Word
from cloudgpu.serving.lint.split import place_of, without_substitutions
from cloudgpu.serving.lint.variables import expand

_SERVER = re.compile(
    r"(?:^|[\s/;&|(])(?:vllm\s+serve|\S*python3?\S*\s+-m\s+(?:vllm\.entrypoints|sglang)\S*|sglang\s+serve|llama-server"
    r"|(?:docker|podman|nerdctl)(?:\s+container)?\s+run)(?=\s|$)"
)
_CONTAINERS = ("docker", "podman", "nerdctl")
_UNIT = re.compile(r"^ExecStart=[-@:+!]*", re.MULTILINE)
"""The line of a systemd unit that starts something."""

_FOREIGN_BREAK = re.compile(r"(?<=\s)[`^][ \t]*$", re.MULTILINE)
"""What continues a line in PowerShell and in cmd.exe, where guides write commands for them."""

_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)=(.*)$")


def read_shell(text: str, variables: Mapping[str, str]) -> list[Service]:
    """Every model server that the text starts, in order; names are `command 1`, `command 2`, …"""
    known = dict(variables)
    found: list[Service] = []
    for line, command in _commands(_FOREIGN_BREAK.sub("\\\\", _UNIT.sub(lambda start: " " * len(start[0]), text))):
        for part in commands_of(tuple(_words(without_substitutions(command), line, known))):
            assigned, words = _assignments(list(part))
            if not words:
                known.update(assigned)
            elif _SERVER.search(" " + " ".join(word.text for word in words)):
                found.append(_service(f"command {len(found) + 1}", words, {**_exported(known, variables), **assigned}))
    return found


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first: continuations joined, comment lines left out."""
    start, kept = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
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


def _is_whole(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def _words(command: str, line: int, known: Mapping[str, str]) -> list[Word]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, "#"
    words, found = [], 0
    try:
        texts = [each for each in lexer if each.strip("\\\n")]
    except ValueError:
        texts = command.split()
    for text in texts:
        spot = command.find(text[:12].split('"')[0].split("'")[0] or text[:1], found)
        at = place_of(command, spot, line, 1) if spot >= 0 else None
        found = max(found, spot + 1)
        words.append(Word(expand(text.strip("\n"), known), at))
    return words


def _assignments(words: list[Word]) -> tuple[dict[str, str], list[Word]]:
    assigned: dict[str, str] = {}
    rest = list(words)
    if rest and rest[0].text in ("export", "env"):
        rest = rest[1:]
    while rest and (found := _ASSIGNMENT.match(rest[0].text)):
        assigned[found[1]] = found[2]
        rest = rest[1:]
    return assigned, rest


def _exported(known: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in known.items() if name not in before}


def _service(name: str, words: list[Word], environment: Mapping[str, str]) -> Service:
    texts = [word.text for word in words]
    start = words[0].at or Place(1, 1)
    for index, text in enumerate(texts):
        if text == "run" and any(each in _CONTAINERS for each in texts[max(index - 2, 0) : index]):
            return read_docker_run(name, words[index + 1 :], start)
    inner = list(unwrapped(tuple(words)))
    texts = [word.text for word in inner]
    first = next((i for i, text in enumerate(texts) if _starts_server(text, texts[i + 1 : i + 2])), 0)
    return Service(
        name=name, words=tuple(inner[first:]), environment=dict(environment), devices=visible_devices(environment),
        places={"": start},
    )  # fmt: skip


def _starts_server(text: str, following: list[str]) -> bool:
    return (text.endswith("vllm") and following == ["serve"]) or (text == "-m" and following != [])
