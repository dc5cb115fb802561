"""Servers out of shell text: `vllm serve …`, `python -m vllm.entrypoints…`, `docker run … vllm/vllm-openai …`."""

import re
import shlex
from collections.abc import Mapping

from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.reading.compose import visible_devices
from cloudgpu.serving.lint.reading.docker_run import read_docker_run
from cloudgpu.serving.lint.reading.script import commands_of, unwrapped
from cloudgpu.serving.lint.reading.service import Service, Word
from cloudgpu.serving.lint.reading.shell_text import logical_lines
from cloudgpu.serving.lint.reading.split import place_of, without_substitutions
from cloudgpu.serving.lint.reading.variables import UNKNOWN, expand

_SERVER = re.compile(
    rf"(?:^|[\s/;&|(])(?:(?:vllm|{UNKNOWN})\s+serve"
    r"|\S*python3?\S*(?:\s+-[a-zA-Z]+)*\s+(?:-\w*m\s+(?:vllm|sglang)\S*|\S*vllm/entrypoints/\S*api_server\.py)"
    r"|(?:sglang|ollama|lmdeploy)\s+serve|llama-server|trtllm-serve|text-generation-launcher"
    r"|(?:nvidia-)?(?:docker|podman|nerdctl)(?:\s+container)?\s+run)(?=\s|$)"
)
_CONTAINERS = ("docker", "nvidia-docker", "podman", "nerdctl")
_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)=(.*)$")


def read_shell(text: str, variables: Mapping[str, str]) -> list[Service]:
    """Every model server that the text starts, in order; names are `command 1`, `command 2`, …"""
    known = dict(variables)
    found: list[Service] = []
    for line, command in logical_lines(text):
        for part in commands_of(tuple(_words(without_substitutions(command), line))):
            assigned, words = _assignments([Word(expand(word.text, known), word.at) for word in part])
            if not words:
                known.update(assigned)
            elif _SERVER.search(" " + " ".join(word.text for word in words)):
                found.append(_service(f"command {len(found) + 1}", words, {**_exported(known, variables), **assigned}))
    return found


def _words(command: str, line: int) -> list[Word]:
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
        words.append(Word(text.strip("\n"), at))
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
    if following == ["serve"]:
        return text.endswith("vllm") or text == UNKNOWN
    return text.endswith("api_server.py") or (text.startswith("-") and text.endswith("m") and following != [])
