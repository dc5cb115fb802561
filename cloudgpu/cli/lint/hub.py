"""Asks the Hub about the repositories that servers name: a few small files of each, a few repositories at most."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError, MissingKeyError, NotFoundError, RefusedKeyError, UnknownModelError
from cloudgpu.cli import render
from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.hub_facts import HubFacts
from cloudgpu.sizing.checkpoint.repository import read_whole
from cloudgpu.sizing.hub import HubFiles

MOST_REPOSITORIES = 12
"""Each takes four answers at most."""

_TEMPLATES = {"chat_template.jinja", "chat_template.json", "tekken.json"}
"""Files that are, or bring, a chat template."""


def ask_hub(cases: Iterable[Case]) -> dict[str, HubFacts]:
    """What the Hub says of every repository that the servers name, asked with the token in use. Calls the network.

    One that cannot be asked about is left out, and said.
    """
    names = list(dict.fromkeys(name for case in cases for name in case.hub_names))
    for name in names[MOST_REPOSITORIES:]:
        render.progress(f"The Hub was not asked about {name}: only {MOST_REPOSITORIES} repositories are.")
    found: dict[str, HubFacts] = {}
    for name in names[:MOST_REPOSITORIES]:
        try:
            found[name] = _facts(name)
        except CloudgpuError as error:
            render.progress(f"The Hub could not be asked about {name}: {error.message}.")
    return found


def _facts(name: str) -> HubFacts:
    try:
        files = HubFiles(name, SystemClock())
    except UnknownModelError:
        return HubFacts(missing=True)
    try:
        return HubFacts(
            is_gated=files.is_gated,
            config=_object(files, "config.json"),
            adapter=_object(files, "adapter_config.json"),
            has_chat_template=_has_template(files),
        )
    except (MissingKeyError, RefusedKeyError):
        return HubFacts(is_gated=True)


def _has_template(files: HubFiles) -> bool | None:
    """None without a tokenizer's settings: the template is somebody else's then."""
    if _TEMPLATES & set(files.names()):
        return True
    settings = _object(files, "tokenizer_config.json")
    return "chat_template" in settings if settings else None


def _object(files: HubFiles, name: str) -> Mapping[str, Any]:
    """A JSON file of the repository; empty when it has none, or it is no object."""
    if name not in files.names():
        return {}
    try:
        found = json.loads(read_whole(files, name))
    except (NotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
