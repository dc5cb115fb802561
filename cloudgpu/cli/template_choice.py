"""The template and the variables that a command line asks for."""

from collections.abc import Iterable

from cloudgpu.base.errors import UsageError
from cloudgpu.base.settings import read_settings
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.template_folders import find_template


def asked_of(template: str | None, settings: Iterable[str], *, tools: bool, reasoning: bool) -> Asked:
    """What `--template`, `--set`, `--tools` and `--reasoning` say. Raises UsageError, NotFoundError, BadFileError."""
    own_folder = read_settings().config_dir / "templates"
    return Asked(
        tools=tools,
        reasoning=reasoning,
        template=find_template(template, own_folder) if template else None,
        variables=dict(_pair(each) for each in settings),
    )


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"--set {text!r} is no NAME=VALUE", hint="like --set IMAGE=ghcr.io/you/image:1")
    return name, value
