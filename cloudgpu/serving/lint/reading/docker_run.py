"""A container out of `docker run …`: its options, its image, and the command behind it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.reading.compose import given_by_runtime, size_bytes, visible_devices
from cloudgpu.serving.lint.reading.script import unwrapped, wrapping
from cloudgpu.serving.lint.reading.service import Service, Word

_SWITCHES = frozenset({
    "detach", "disable-content-trust", "init", "interactive", "no-healthcheck", "no-hosts", "oom-kill-disable",
    "privileged", "publish-all", "quiet", "read-only", "replace", "rm", "sig-proxy", "tls-verify", "tty",
    "use-api-socket",
})  # fmt: skip
"""Options without a value, of Docker and Podman; `--rm=false` joins one. Source: their command line references."""

_SHORT_SWITCHES = frozenset("ditPq")
_LONG_NAMES = {"e": "env", "p": "publish", "v": "volume", "m": "memory", "net": "network"}
_SHORT_CLUSTER = re.compile(r"^-([A-Za-z])(.*)$", re.DOTALL)


@dataclass(slots=True)
class _Told:
    """What the options say; `once` are those of which the last counts."""

    environment: dict[str, str] = field(default_factory=dict)
    ports: list[tuple[str, str]] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    once: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, value: str) -> None:
        """One option with its value, by its long name."""
        match name:
            case "env":
                key, _, given = value.partition("=")
                self.environment[key] = given
            case "publish":
                host, _, container = value.rpartition(":")
                self.ports.append((host, container.partition("/")[0]))
            case "volume" | "mount":
                self.volumes.append(value)
            case _:
                self.once[name] = value


def read_docker_run(name: str, words: list[Word], start: Place) -> Service:
    """The service of the words behind `docker run`; `start` is where the command stands."""
    told, rest = _Told(), iter(words)
    image = _take_options(told, rest)
    once = told.once
    entrypoint = (Word(once["entrypoint"]),) if once.get("entrypoint") else ()
    command = tuple(rest)
    gpus = once.get("gpus", "")
    listed = re.search(r"device=([\d,]+)", gpus)
    named = tuple(listed[1].split(",")) if listed else None
    counted = int(gpus) if gpus.isdigit() and gpus != "0" else None
    reserved = given_by_runtime(once.get("runtime"), told.environment) if not gpus else counted
    return Service(
        name=name, image=image, words=unwrapped((*entrypoint, *command)), environment=told.environment,
        ports=tuple(told.ports), host_network=once.get("network") == "host", ipc=once.get("ipc"),
        shm_bytes=size_bytes(once.get("shm-size"), {}), volumes=tuple(told.volumes),
        memory_bytes=size_bytes(once.get("memory"), {}),
        devices=named or visible_devices(told.environment), gpu_count=counted,
        reserved_gpus=len(named) if named else reserved,
        restart=once.get("restart"), runtime=once.get("runtime"), is_container=True,
        shell=command[0] if wrapping(command) and command[0].text.endswith("sh") else None,
        has_env_file="env-file" in once,
        places={"": start, **({"entrypoint": start} if entrypoint else {})},
    )  # fmt: skip


def _take_options(told: _Told, words: Iterator[Word]) -> str | None:
    """Reads up to the image, which is the first word that is no option and no option's value."""
    for word in words:
        if not word.text.startswith("-"):
            return word.text
        name, value = _option(word.text)
        if name not in _SWITCHES:
            told.take(name, next(words, Word("")).text if value is None else value)
    return None


def _option(text: str) -> tuple[str, str | None]:
    """The long name of an option, and its value where it is joined: `--env=A=1`, `-p80:80`, `-itd`, `-dp 80:80`."""
    if text.startswith("--"):
        name, sign, value = text[2:].partition("=")
        return _LONG_NAMES.get(name, name), value if sign else None
    while found := _SHORT_CLUSTER.match(text):
        letter, rest = found.groups()
        if letter not in _SHORT_SWITCHES:
            return _LONG_NAMES.get(letter, letter), rest.removeprefix("=") or None
        text = f"-{rest}"
    return "detach", None
