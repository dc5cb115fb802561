"""What serves a model, whatever it was read from: image, flags and names of variables, and how two of them differ."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.base.secret import Secret
from cloudgpu.serving.launch import LaunchRequest
from cloudgpu.serving.lint.arguments import read_arguments
from cloudgpu.serving.lint.reading.service import Service, Word
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.releases.flag_table import NEWEST, release_of
from cloudgpu.serving.secret_name import is_secret_name
from cloudgpu.serving.template import Template

HIDDEN = "***"
"""Stands where a key stood among the arguments."""

SECRET_FLAGS = {"--api-key": "VLLM_API_KEY", "--hf-token": "HF_TOKEN"}
"""Flags that carry a key, and the variable that does as well."""

_PATH = re.compile(r"https?://[^/\s]+(/[^\s'\"|;]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`template` None: it came from none. `entrypoint` empty: the image's own. Flags that carry a key hold HIDDEN.

    Of variables only the names are held, and in `settings` the values that are a template's own words; `secrets` are
    names that must never have one. `gpu_count`, `health` (the path that is asked) and `start_s` (how long a start may
    take) None: nobody says.
    """

    name: str
    template: str | None
    image: str | None
    entrypoint: tuple[str, ...]
    args: tuple[str, ...]
    variables: tuple[str, ...]
    ports: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    gpu_count: int | None = None
    health: str | None = None
    start_s: float | None = None

    @property
    def label(self) -> str:
        """The name as Compose takes names of services."""
        return label_of(self.name)

    def as_body(self) -> dict[str, object]:
        """JSON values only."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Profile":
        """What `as_body` wrote, an older release's too. Raises BadFileError when it is not one."""
        try:
            return Profile(
                name=str(body["name"]), template=body["template"], image=body["image"],
                entrypoint=tuple(body["entrypoint"]), args=tuple(body["args"]), variables=tuple(body["variables"]),
                ports=tuple(body["ports"]), secrets=tuple(body.get("secrets", ())),
                settings=dict(body.get("settings", {})), gpu_count=body.get("gpu_count"), health=body.get("health"),
                start_s=body.get("start_s"),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise BadFileError(
                f"this is no kept profile: {error!r}", hint="cloudgpu profile restore lists them"
            ) from None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. None: that side does not have it."""

    what: str
    left: str | None
    right: str | None


def of_launch(name: str, launch: LaunchRequest, gpu_count: int) -> Profile:
    """What a machine with so many cards was, or would be, asked to run."""
    secrets = {each for each, value in launch.env.items() if isinstance(value, Secret)}
    constants = {each: launch.env[each] for each in launch.constants if not is_secret_name(each)}
    return Profile(
        name=name, template=launch.template, image=launch.image, entrypoint=launch.entrypoint or (),
        args=_without_keys(launch.args), variables=tuple(sorted(launch.env)), ports=tuple(map(str, launch.ports)),
        secrets=tuple(sorted(secrets)),
        settings={each: value for each, value in constants.items() if isinstance(value, str)},
        gpu_count=gpu_count, health=launch.health.path, start_s=launch.start_limit_s,
    )  # fmt: skip


def of_service(service: Service) -> Profile:
    """One server of a compose or shell file."""
    asked = _PATH.search(service.health.command) if service.health else None
    return Profile(
        name=service.name, template=None, image=service.image, entrypoint=(),
        args=_without_keys([word.text for word in service.words]), variables=tuple(sorted(service.environment)),
        ports=tuple(sorted({container for _, container in service.ports if container})),
        secrets=tuple(sorted(filter(is_secret_name, service.environment))),
        gpu_count=service.reserved_gpus or service.gpu_count or (len(service.devices) if service.devices else None),
        health=asked[1] if asked else None, start_s=service.health.start_period_s if service.health else None,
    )  # fmt: skip


def as_service(profile: Profile) -> Service:
    """What a rented machine runs, for the rules: its port is open to the world, values not kept are unknown."""
    return Service(
        name=profile.name,
        image=profile.image,
        words=tuple(Word(each.replace(HIDDEN, UNKNOWN)) for each in (*profile.entrypoint, *profile.args)),
        environment={each: profile.settings.get(each, UNKNOWN) for each in profile.variables},
        ports=tuple(("", port) for port in profile.ports),
        gpu_count=profile.gpu_count,
        is_container=True,
        is_rented=True,
    )


def of_template(template: Template) -> Profile:
    """A template, its placeholders unfilled."""
    return Profile(
        name=template.name, template=template.name, image=template.image, entrypoint=template.entrypoint or (),
        args=tuple(word for pair in template.arguments for word in pair if word),
        variables=tuple(sorted({name for name, _ in (*template.environment, *template.secrets)})),
        ports=(str(template.port),),
        secrets=tuple(sorted(name for name, secret in template.secrets if secret == "api_key")),
        settings={name: text for name, text in template.environment if "{" not in text and not is_secret_name(name)},
        health=template.health, start_s=template.start_base_s,
    )  # fmt: skip


def differences(left: Profile, right: Profile) -> list[Difference]:
    """What differs, in the order image, flags, variables, ports, cards, health; the order of flags does not count.

    What one side does not say (how many cards, how health is asked) is no difference.
    """
    return [
        *_single("template", left.template, right.template),
        *_single("image", left.image, right.image),
        *_single("entrypoint", " ".join(left.entrypoint) or None, " ".join(right.entrypoint) or None),
        *_of_flags(_flags(left), _flags(right)),
        *_of_names("variable", left.variables, right.variables),
        *_of_names("port", left.ports, right.ports),
        *_where_both_say("GPUs", left.gpu_count, right.gpu_count),
        *_where_both_say("health check", left.health, right.health),
    ]


def label_of(name: str) -> str:
    """A name as other tools take names: lower case letters, digits and dashes, beginning with a letter."""
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "model"
    return plain if plain[0].isalpha() else f"m-{plain}"


def _single(what: str, left: str | None, right: str | None) -> Iterator[Difference]:
    if left != right:
        yield Difference(what, left, right)


def _where_both_say(what: str, left: object, right: object) -> Iterator[Difference]:
    if left is not None and right is not None:
        yield from _single(what, str(left), str(right))


def _of_flags(left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[Difference]:
    for flag in dict.fromkeys((*left, *right)):
        yield from _single(flag, left.get(flag), right.get(flag))


def _of_names(what: str, left: Sequence[str], right: Sequence[str]) -> Iterator[Difference]:
    for name in sorted({*left, *right}):
        yield from _single(f"{what} {name}", "set" if name in left else None, "set" if name in right else None)


def _flags(profile: Profile) -> dict[str, str]:
    """Flags by their full names, so that `-tp 2` and `--tensor-parallel-size=2` are one."""
    args = read_arguments(tuple(map(Word, profile.args)), release_of(NEWEST))
    found = {each.flag: " ".join(each.values) or "on" for each in args.flags}
    return {"--model": args.model.text, **found} if args.model else found


def _without_keys(args: Sequence[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for word in args:
        flag, sign, _ = word.partition("=")
        if kept and kept[-1] in SECRET_FLAGS:
            kept.append(HIDDEN)
        else:
            kept.append(f"{flag}={HIDDEN}" if sign and flag in SECRET_FLAGS else word)
    return tuple(kept)
