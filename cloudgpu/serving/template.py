"""A template: how an engine is started, as a value whose texts still hold their placeholders."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cloudgpu.base.errors import BadFileError
from cloudgpu.base.secret import Secret
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from cloudgpu.serving.placeholders import Value

PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What a user sets with `--set NAME=VALUE`. `default` None: it must be set. `choices` empty: anything of `type`."""

    name: str
    about: str
    type: str
    default: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How one engine is started. `templates/vllm.yaml` explains each key; `origin` is the file it was read from.

    `secrets` are environment variables and the secret that each holds. `entrypoint` None keeps the image's own.
    """

    name: str
    summary: str
    engine: str
    image: str
    port: int
    health: str
    readiness: str
    min_cuda: str
    disk_at_least_gb: int
    start_base_s: float
    start_s_per_gb: float
    arguments: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    secrets: tuple[tuple[str, str], ...]
    entrypoint: tuple[str, ...] | None = None
    variables: tuple[Variable, ...] = ()
    origin: str = ""


def render(template: Template, values: Mapping[str, Value], plan: Plan, model_id: str) -> LaunchRequest:
    """The template with its placeholders filled. `model_id` is what the endpoint must list to count as healthy.

    A secret of `values` that is None leaves its variable out. Raises BadFileError for a placeholder that nothing stands
    for, and for a secret outside the environment.
    """
    texts = {name: _filled(text, values) for name, text in template.environment}
    hidden = {name: values.get(secret) for name, secret in template.secrets}
    return LaunchRequest(
        image=_text(_filled(template.image, values)),
        entrypoint=template.entrypoint,
        args=tuple(word for flag, text in template.arguments for word in _words(flag, _filled(text, values))),
        env={name: value for name, value in {**texts, **hidden}.items() if isinstance(value, str | Secret)},
        ports=(template.port,),
        disk_gb=max(plan.disk_gb, template.disk_at_least_gb),
        download_gb=plan.download_gb,
        health=HealthCheck(
            port=template.port, path=template.health, model_id=model_id, asks=template.readiness
        ),
        min_cuda=_text(_filled(template.min_cuda, values)),
        start_limit_s=math.ceil(template.start_base_s + template.start_s_per_gb * plan.download_gb),
        template=template.name,
        constants=tuple(name for name, text in template.environment if not PLACEHOLDER.search(text)),
    )  # fmt: skip


def _filled(text: str, values: Mapping[str, Value]) -> Value:
    whole = PLACEHOLDER.fullmatch(text)
    if whole:
        return _value(whole[1], values)
    return PLACEHOLDER.sub(lambda found: _text(_value(found[1], values)), text)


def _value(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise BadFileError(f"a template asks for {{{name}}}, which does not exist", hint="see: cloudgpu template check")
    return values[name]


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise BadFileError("a template puts something into a text that is none", hint="see: cloudgpu template check")
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
