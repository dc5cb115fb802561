"""Services out of a Docker Compose file, each with the places of what it says."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.reading.compose_form import check_form
from cloudgpu.serving.lint.reading.env_files import read_env_files
from cloudgpu.serving.lint.reading.script import unwrapped, wrapping
from cloudgpu.serving.lint.reading.service import HealthProbe, Service, Word
from cloudgpu.serving.lint.reading.split import before_operators, split_words, without_blanks
from cloudgpu.serving.lint.reading.variables import expand

_MERGE = "tag:yaml.org,2002:merge"
_SERVICES = re.compile(r"^services:", re.MULTILINE)
_MANIFEST = re.compile(r"^kind:\s*(\w+)", re.MULTILINE)
_SIZE = re.compile(r"^\s*([\d.]+)\s*([kmgt]?)i?b?\s*$", re.IGNORECASE)
_DURATION = re.compile(r"([\d.]+)(ms|s|m|h)")
_SCALES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_compose(
    text: str, variables: Mapping[str, str], where: str = "the file", folder: Path | None = None
) -> list[Service]:
    """Every service that runs a model server, in the order of the file; others (proxies, monitors) are left out.

    `folder` is where its `env_file`s stand; None: they are not read.

    Raises BadFileError with line and column for what is no YAML or no compose file.
    """
    if not _SERVICES.search(text) and (kind := _MANIFEST.search(text)):
        raise BadFileError(
            f"{where} is a Kubernetes manifest ({kind[1]}), which is not read",
            hint="lint its container's command and args as one command line: `cloudgpu lint -`",
        )
    try:
        root, body = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _no_yaml(error, where) from None
    services = body.get("services") if isinstance(body, dict) else None
    if not isinstance(services, dict) or root is None:
        raise BadFileError(
            f"{where} has no `services:`", hint="is it a compose file? For a command line use a .sh file"
        )
    check_form(root, where)
    nodes = {key.value: node for key, node in _pairs(_child(root, "services"))}
    return [
        _service(text, str(name), each, nodes[str(name)], variables, folder)
        for name, each in services.items()
        if isinstance(each, dict)
    ]


def _service(
    text: str, name: str, body: Mapping[str, Any], node: yaml.Node, variables: Mapping[str, str], folder: Path | None
) -> Service:  # fmt: skip
    own = _environment(body.get("environment"), variables)
    files = read_env_files(body.get("env_file"), folder, variables)
    environment = {**files.variables, **own}
    deploy = _dig(body, "deploy", "resources") or {}
    devices = _devices(_dig(deploy, "reservations", "devices"), environment, variables)
    limits = deploy.get("limits")
    memory = limits.get("memory") if isinstance(limits, dict) else body.get("mem_limit")
    entrypoint = _words(text, node, "entrypoint", body, variables)
    command = _words(text, node, "command", body, variables)
    return Service(
        name=name,
        image=expand(str(body["image"]), variables) if body.get("image") else None,
        words=unwrapped((*entrypoint, *command)),
        shell=command[0] if wrapping(command) and command[0].text.endswith("sh") else None,
        has_env_file=files.hides_some,
        missing_env_files=files.missing,
        from_files=frozenset(files.variables) - frozenset(own),
        untexted=tuple(_untexted(body.get("command"), command)),
        environment=environment,
        ports=tuple(_ports(body.get("ports"), variables)),
        host_network=body.get("network_mode") == "host",
        ipc=body.get("ipc"),
        shm_bytes=size_bytes(body.get("shm_size"), variables),
        volumes=tuple(_volume(each) for each in body.get("volumes") or ()),
        memory_bytes=size_bytes(memory, variables),
        devices=devices[0],
        gpu_count=devices[1],
        reserved_gpus=_reserved(_dig(deploy, "reservations", "devices"), variables)
        or (given_by_runtime(body.get("runtime"), environment) if not deploy.get("reservations") else None),
        restart=str(body["restart"]) if body.get("restart") is not None else None,
        runtime=body.get("runtime"),
        health=_health(body.get("healthcheck"), node, variables),
        is_container=True,
        places=_places(node),
    )


def size_bytes(value: object, variables: Mapping[str, str]) -> int | None:
    """`16gb`, `32G`, `1073741824` as bytes; None when it is none of these."""
    found = _SIZE.match(expand(str(value), variables)) if value is not None else None
    return int(float(found[1]) * _SCALES[found[2].lower()]) if found else None


def visible_devices(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The GPU ids that the variables leave visible; None: all, or nobody can tell."""
    listed = environment.get("CUDA_VISIBLE_DEVICES") or environment.get("NVIDIA_VISIBLE_DEVICES")
    return tuple(listed.split(",")) if listed and re.fullmatch(r"\d+(,\d+)*", listed) else None


def given_by_runtime(runtime: object, environment: Mapping[str, str]) -> int | None:
    """How many cards NVIDIA's runtime gives a container without a reservation; None: all, or it is not named."""
    listed = environment.get("NVIDIA_VISIBLE_DEVICES", "")
    return listed.count(",") + 1 if runtime == "nvidia" and re.fullmatch(r"\d+(,\d+)*", listed) else None


def _words(
    text: str, node: yaml.Node, key: str, body: Mapping[str, Any], variables: Mapping[str, str]
) -> tuple[Word, ...]:
    value, at = body.get(key), _child(node, key)
    if value is None or at is None:
        return ()
    if isinstance(value, list) and isinstance(at, yaml.SequenceNode):
        return tuple(
            Word(expand(str(each), variables), _place(item)) for each, item in zip(value, at.value, strict=True)
        )
    start, end = at.start_mark, at.end_mark
    raw = text[start.index : end.index]
    try:
        told = before_operators(without_blanks(expand(str(value), variables)))
        return split_words(told, raw, start.line + 1, start.column + 1)
    except ValueError as error:
        raise BadFileError(
            f"line {start.line + 1}: the {key} cannot be split into words: {error}", hint="a quote is never closed"
        ) from None


def _untexted(value: object, words: tuple[Word, ...]) -> Iterator[Word]:
    for each, word in zip(value, words, strict=True) if isinstance(value, list) else ():
        if not isinstance(each, str):
            yield word


def _environment(value: object, variables: Mapping[str, str]) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(name): expand("" if each is None else str(each), variables) for name, each in value.items()}
    pairs = (str(each).partition("=") for each in value) if isinstance(value, list) else ()
    return {name: expand(each, variables) if sign else expand(f"${{{name}}}", variables) for name, sign, each in pairs}


def _ports(value: object, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            address = expand(str(each.get("host_ip", "")), variables)
            host = expand(str(each.get("published", "")), variables)
            yield f"{address}:{host}" if address else host, expand(str(each.get("target", "")), variables)
            continue
        host, _, container = expand(str(each), variables).rpartition(":")
        yield host, container.partition("/")[0]


def _devices(
    value: object, environment: Mapping[str, str], variables: Mapping[str, str]
) -> tuple[tuple[str, ...] | None, int | None]:
    for each in value if isinstance(value, list) else ():
        ids, count = each.get("device_ids"), each.get("count")
        if isinstance(ids, list):
            return tuple(expand(str(one), variables) for one in ids), None
        if isinstance(ids, str):
            return (expand(ids, variables),), None
        if isinstance(count, int):
            return None, count
    return visible_devices(environment), None


def _reserved(value: object, variables: Mapping[str, str]) -> int | None:
    for each in value if isinstance(value, list) else ():
        ids, count = each.get("device_ids"), each.get("count")
        if isinstance(ids, list) and not any("," in expand(str(one), variables) for one in ids):
            return len(ids)
        if isinstance(count, int):
            return count
    return None


def _health(value: object, node: yaml.Node, variables: Mapping[str, str]) -> HealthProbe | None:
    if not isinstance(value, dict) or value.get("disable"):
        return None
    test = value.get("test") or ""
    command = " ".join(map(str, test)) if isinstance(test, list) else str(test)
    at = _child(node, "healthcheck")
    retries = value.get("retries")
    return HealthProbe(
        command=expand(command, variables),
        start_period_s=_seconds(value.get("start_period")),
        failing_s=(_seconds(value.get("interval")) or 30.0) * (retries if isinstance(retries, int) else 3),
        at=_place(at) if at else None,
    )


def _seconds(value: object) -> float | None:
    """`1m30s` as 90."""
    found = _DURATION.findall(str(value or ""))
    return sum(float(number) * _SECONDS[unit] for number, unit in found) if found else None


def _volume(value: object) -> str:
    return f"{value.get('source', '')}:{value.get('target', '')}" if isinstance(value, dict) else str(value)


def _places(node: yaml.Node) -> dict[str, Place]:
    """Where each key stands, each variable as `environment.NAME`, and the service itself as an empty name."""
    found = {str(key.value): _place(key) for key, _ in _pairs(node)}
    return {**found, **dict(_variables_of(_child(node, "environment"))), "": _place(node)}


def _variables_of(node: yaml.Node | None) -> Iterator[tuple[str, Place]]:
    if isinstance(node, yaml.SequenceNode):
        yield from ((f"environment.{str(item.value).partition('=')[0]}", _place(item)) for item in node.value)
    else:
        yield from ((f"environment.{key.value}", _place(key)) for key, _ in _pairs(node))


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    """Its keys with their values: those that `<<` inherits come first, for the last of a name counts."""
    if isinstance(node, yaml.SequenceNode):  # of several that are inherited the first counts
        return [pair for each in reversed(node.value) for pair in _pairs(each)]
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    inherited = [pair for key, value in pairs if key.tag == _MERGE for pair in _pairs(value)]
    return [*inherited, *(pair for pair in pairs if pair[0].tag != _MERGE)]


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in reversed(_pairs(node)) if key.value == name), None)


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _dig(body: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401  (whatever the file holds)
    found: Any = body
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _no_yaml(error: yaml.YAMLError, where: str) -> BadFileError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    spot = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = getattr(error, "problem", None) or "it cannot be read"
    return BadFileError(f"{where} is no YAML{spot}: {problem}", hint=_way_out(problem))


def _way_out(problem: str) -> str:
    """What people most often meant where YAML stumbles."""
    if "'\\t'" in problem:
        return "YAML is indented by spaces: replace the tab"
    if "alias" in problem:
        return "an anchor (&name) stands before its alias (*name)"
    if "end>" in problem or "flow" in problem:
        return "is a bracket or a quote never closed?"
    return "a ` #` inside a plain multi-line command ends it there; quote the command or use a list"
