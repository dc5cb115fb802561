"""A template and what shall be served, made into a launch request. Reads one file of the package; calls no network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.asked import PLAIN, Asked
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from cloudgpu.serving.placeholders import Value, values_of

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_KEYS = {"name", "engine", "image", "port", "health", "arguments", "environment"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How one engine is started; the texts still hold their placeholders. `templates/vllm.yaml` explains each key."""

    name: str
    engine: str
    image: str
    port: int
    health: str
    arguments: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]


def launch_of(
    plan: Plan, candidate: Candidate, *, service: str, api_key: Secret, hf_token: Secret | None = None,
    asked: Asked = PLAIN,
) -> LaunchRequest:  # fmt: skip
    """What to start on this candidate so that it serves the plan's model under the service's name and key.

    `hf_token` goes to the rented machine when it is given, so it is given only when the user says so. Raises UsageError
    for an engine without a template and for what the engine's release refuses.
    """
    template = load_template(plan.needs.options.engine)
    values = values_of(plan, candidate, service, asked) | {"api_key": api_key, "hf_token": hf_token}
    launch = render(template, values, disk_gb=plan.disk_gb, download_gb=plan.download_gb, model_id=candidate.checkpoint)
    return replace(launch, min_cuda=plan.needs.options.profile().min_cuda)


def render(
    template: Template, values: Mapping[str, Value], *, disk_gb: int, download_gb: float, model_id: str
) -> LaunchRequest:
    """The template with its placeholders filled. `model_id` is what the endpoint must list to count as healthy.

    Raises BadFileError for a placeholder that nothing stands for, and for a secret outside the environment.
    """
    environment = ((name, _filled(text, values)) for name, text in template.environment)
    return LaunchRequest(
        image=_text(_filled(template.image, values)),
        args=tuple(word for flag, text in template.arguments for word in _words(flag, _filled(text, values))),
        env={name: value for name, value in environment if isinstance(value, str | Secret)},
        ports=(template.port,),
        disk_gb=disk_gb,
        download_gb=download_gb,
        health=HealthCheck(port=template.port, path=template.health, model_id=model_id),
    )


@cache
def load_template(engine: str) -> Template:
    """The template of an engine. Raises UsageError when there is none, BadFileError when it is not of the schema."""
    path = data_dir("templates") / f"{engine}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in data_dir("templates").glob("*.yaml")))
        raise UsageError(f"there is no template for the engine {engine!r}", hint=f"there is one for {known}")
    return read_template(path.read_text(encoding="utf-8"), path)


def read_template(text: str, path: Path) -> Template:
    """A template out of YAML. Raises BadFileError naming what is wrong."""
    import yaml  # 20 ms that a plan does not need

    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _bad(path, f"is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(body, dict) or set(body) != _KEYS:
        raise _bad(path, f"needs the keys {', '.join(sorted(_KEYS))}, and no others")
    try:
        return _template(body)
    except (TypeError, ValueError, AttributeError) as error:
        raise _bad(path, f"is not of the form that templates/vllm.yaml shows: {error}") from error


def _template(body: Mapping[str, Any]) -> Template:
    return Template(
        name=str(body["name"]),
        engine=str(body["engine"]),
        image=str(body["image"]),
        port=int(body["port"]),
        health=str(body["health"]),
        arguments=tuple((str(flag), str(value)) for line in body["arguments"] for flag, value in line.items()),
        environment=tuple((str(name), str(value)) for name, value in body["environment"].items()),
    )


def _filled(text: str, values: Mapping[str, Value]) -> Value:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole:
        return _value(whole[1], values)
    return _PLACEHOLDER.sub(lambda found: _text(_value(found[1], values)), text)


def _value(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise BadFileError(f"a template asks for {{{name}}}, which does not exist", hint="see templates/vllm.yaml")
    return values[name]


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise BadFileError("a template puts something into a text that is none", hint="see templates/vllm.yaml")
    return value


def _words(flag: str, value: Value) -> tuple[str, ...]:
    match value:
        case None | False:
            return ()
        case True:
            return (flag,)
        case tuple():
            return (flag, *value)
        case Secret():
            raise BadFileError(f"a template puts a secret behind {flag}", hint="secrets belong into the environment")
    return (flag, value)


def _bad(path: Path, what: str) -> BadFileError:
    return BadFileError(f"the template {path} {what}", hint="templates/vllm.yaml shows what one looks like")
