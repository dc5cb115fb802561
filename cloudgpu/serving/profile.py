"""What serves a model, whatever it was read from: image, flags and names of variables, and how two of them differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.launch import LaunchRequest
from cloudgpu.serving.lint.arguments import read_arguments
from cloudgpu.serving.lint.flag_table import NEWEST, release_of
from cloudgpu.serving.lint.service import Service, Word
from cloudgpu.serving.template import Template

_SECRET_FLAGS = {"--api-key", "--hf-token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`template` None: it came from none. `entrypoint` empty: the image's own. Values of variables are never held, and
    flags that carry a key hold `***`.
    """

    name: str
    template: str | None
    image: str | None
    entrypoint: tuple[str, ...]
    args: tuple[str, ...]
    variables: tuple[str, ...]
    ports: tuple[str, ...]

    def as_body(self) -> dict[str, object]:
        """JSON values only."""
        return {
            "name": self.name, "template": self.template, "image": self.image, "entrypoint": list(self.entrypoint),
            "args": list(self.args), "variables": list(self.variables), "ports": list(self.ports),
        }  # fmt: skip

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Profile":
        """What `as_body` wrote. Raises BadFileError when it is not one."""
        try:
            return Profile(
                name=str(body["name"]), template=body["template"], image=body["image"],
                entrypoint=tuple(body["entrypoint"]), args=tuple(body["args"]), variables=tuple(body["variables"]),
                ports=tuple(body["ports"]),
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise BadFileError(
                f"this is no kept profile: {error!r}", hint="cloudgpu profile restore lists them"
            ) from None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. None: that side does not have it."""

    what: str
    left: str | None
    right: str | None


def of_launch(name: str, launch: LaunchRequest, template: str | None) -> Profile:
    """What a machine was, or would be, asked to run."""
    return Profile(
        name=name, template=template, image=launch.image, entrypoint=launch.entrypoint or (),
        args=_without_keys(launch.args), variables=tuple(sorted(launch.env)), ports=tuple(map(str, launch.ports)),
    )  # fmt: skip


def of_service(service: Service) -> Profile:
    """One server of a compose or shell file."""
    return Profile(
        name=service.name, template=None, image=service.image, entrypoint=(),
        args=_without_keys([word.text for word in service.words]), variables=tuple(sorted(service.environment)),
        ports=tuple(sorted({container for _, container in service.ports if container})),
    )  # fmt: skip


def of_template(template: Template) -> Profile:
    """A template, its placeholders unfilled."""
    return Profile(
        name=template.name, template=template.name, image=template.image, entrypoint=template.entrypoint or (),
        args=tuple(word for pair in template.arguments for word in pair if word),
        variables=tuple(sorted({name for name, _ in (*template.environment, *template.secrets)})),
        ports=(str(template.port),),
    )  # fmt: skip


def differences(left: Profile, right: Profile) -> list[Difference]:
    """What differs, in the order image, flags, variables, ports; the order of flags does not count."""
    return [
        *_single("template", left.template, right.template),
        *_single("image", left.image, right.image),
        *_single("entrypoint", " ".join(left.entrypoint) or None, " ".join(right.entrypoint) or None),
        *_of_flags(_flags(left), _flags(right)),
        *_of_names("variable", left.variables, right.variables),
        *_of_names("port", left.ports, right.ports),
    ]


def _single(what: str, left: str | None, right: str | None) -> Iterator[Difference]:
    if left != right:
        yield Difference(what, left, right)


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
        if kept and kept[-1] in _SECRET_FLAGS:
            kept.append("***")
        else:
            kept.append(f"{flag}=***" if sign and flag in _SECRET_FLAGS else word)
    return tuple(kept)
