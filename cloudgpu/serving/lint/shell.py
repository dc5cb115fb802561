"""Servers out of shell text: `vllm serve …`, `python -m vllm.entrypoints…`, `docker run … vllm/vllm-openai …`."""

import re
import shlex
from collections.abc import Iterator, Mapping

from cloudgpu.serving.lint.compose import size_bytes, visible_devices
from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.script import commands_of, unwrapped, wrapping
from cloudgpu.serving.lint.service import Service, Word
from cloudgpu.serving.lint.split import place_of, without_substitutions
from cloudgpu.serving.lint.variables import expand

_SERVER = re.compile(
    r"(?:^|[\s/;&|(])(vllm\s+serve|\S*python3?\S*\s+-m\s+vllm\.entrypoints\S*|(?:docker|podman|nerdctl)\s+run)\b"
)
_CONTAINERS = ("docker", "podman", "nerdctl")
_UNIT = re.compile(r"^ExecStart=[-@:+!]*", re.MULTILINE)
"""The line of a systemd unit that starts something."""

_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)=(.*)$")
_DOCKER_SWITCHES = {
    "-d", "--detach", "-i", "-t", "-it", "-ti", "--rm", "--init", "--privileged", "--interactive", "--tty",
}  # fmt: skip


def read_shell(text: str, variables: Mapping[str, str]) -> list[Service]:
    """Every model server that the text starts, in order; names are `command 1`, `command 2`, …"""
    known = dict(variables)
    found: list[Service] = []
    for line, command in _commands(_UNIT.sub(lambda start: " " * len(start[0]), text)):
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
    for index, text in enumerate(texts[:-1]):
        if text in _CONTAINERS and texts[index + 1] == "run":
            return _docker(name, words[index + 2 :], start)
    inner = list(unwrapped(tuple(words)))
    texts = [word.text for word in inner]
    first = next((i for i, text in enumerate(texts) if _starts_server(text, texts[i + 1 : i + 2])), 0)
    return Service(
        name=name, words=tuple(inner[first:]), environment=dict(environment), devices=visible_devices(environment),
        places={"": start},
    )  # fmt: skip


def _starts_server(text: str, following: list[str]) -> bool:
    return (text.endswith("vllm") and following == ["serve"]) or (text == "-m" and following != [])


def _docker(name: str, words: list[Word], start: Place) -> Service:
    environment: dict[str, str] = {}
    ports: list[tuple[str, str]] = []
    volumes: list[str] = []
    rest = iter(words)
    told: dict[str, str] = {}
    image: str | None = None
    for word in rest:
        if not word.text.startswith("-"):
            image = word.text
            break
        if word.text in _DOCKER_SWITCHES:
            continue
        option, sign, value = word.text.partition("=")
        value = value if sign else next(rest, Word("")).text
        match option:
            case "-e" | "--env":
                key, _, given = value.partition("=")
                environment[key] = given
            case "-p" | "--publish":
                host, _, container = value.rpartition(":")
                ports.append((host, container.partition("/")[0]))
            case "-v" | "--volume" | "--mount":
                volumes.append(value)
            case _:
                told[option.lstrip("-")] = value
    devices = re.search(r"device=([\d,]+)", told.get("gpus", ""))
    entrypoint = (Word(told["entrypoint"]),) if told.get("entrypoint") else ()
    command = tuple(rest)
    return Service(
        name=name, image=image, words=unwrapped((*entrypoint, *command)), environment=environment, ports=tuple(ports),
        host_network=told.get("network", told.get("net")) == "host", ipc=told.get("ipc"),
        shm_bytes=size_bytes(told.get("shm-size"), {}), volumes=tuple(volumes),
        memory_bytes=size_bytes(told.get("memory", told.get("m")), {}),
        devices=tuple(devices[1].split(",")) if devices else visible_devices(environment),
        gpu_count=int(told["gpus"]) if told.get("gpus", "").isdigit() else None,
        restart=told.get("restart"), runtime=told.get("runtime"), is_container=True,
        shell=command[0] if wrapping(command) and command[0].text.endswith("sh") else None,
        has_env_file="env-file" in told,
        places={"": start, **({"entrypoint": start} if entrypoint else {})},
    )  # fmt: skip
