"""The template and the variables that a command line asks for."""

from collections.abc import Iterable
from pathlib import Path

from cloudgpu.base.errors import UsageError
from cloudgpu.base.settings import read_settings
from cloudgpu.serving.asked import Asked, AskedWords
from cloudgpu.serving.template import Template
from cloudgpu.serving.template_folders import find_template, template_paths


def asked_of(template: str | None, settings: Iterable[str], *, tools: bool, reasoning: bool) -> Asked:
    """What `--template`, `--set`, `--tools` and `--reasoning` say. Raises UsageError, NotFoundError, BadFileError."""
    words = AskedWords(tools=tools, reasoning=reasoning, template=template, variables=variables_in(settings))
    return asked_again(words)


def asked_again(words: AskedWords) -> Asked:
    """What words that were kept say, with the template as it is now.

    Raises NotFoundError, BadFileError, and UsageError where a secret among them was not kept.
    """
    if words.withheld:
        names = ", ".join(words.withheld)
        raise UsageError(f"what --set gave {names} is a secret and kept nowhere", hint="begin anew, and set it again")
    return Asked(
        tools=words.tools,
        reasoning=words.reasoning,
        template=find_template(words.template, _own_folder()) if words.template else None,
        variables=words.variables,
    )


def words_of(asked: Asked) -> AskedWords:
    """What was asked, in words that mean the same in another folder."""
    template = _lasting_name(asked.template) if asked.template else None
    return AskedWords(tools=asked.tools, reasoning=asked.reasoning, template=template, variables=asked.variables)


def variables_in(settings: Iterable[str]) -> dict[str, str]:
    """What every `--set NAME=VALUE` sets. Raises UsageError."""
    return dict(_pair(each) for each in settings)


def _own_folder() -> Path:
    return read_settings().config_dir / "templates"


def _lasting_name(template: Template) -> str:
    path = Path(template.origin)
    return template.name if template_paths(_own_folder()).get(template.name) == path else str(path.resolve())


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"--set {text!r} is no NAME=VALUE", hint="like --set IMAGE=ghcr.io/you/image:1")
    return name, value
