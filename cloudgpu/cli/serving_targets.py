"""What serves a model and can be judged: files, a command line, templates and deployments by name, and models.

A model stands for the set-up that `up` and `render` would make of it.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cloudgpu.base.errors import NotFoundError, UnknownModelError, UsageError
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.named_file import text_of, variables_of
from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.check import case_of, is_vllm, read_services
from cloudgpu.serving.lint.reading.service import Service
from cloudgpu.serving.lint.template_service import is_template
from cloudgpu.serving.template_folders import find_template, template_paths
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import resolve_model

if TYPE_CHECKING:
    from cloudgpu.serving.template import Template

STDIN = "-"
_FILES = {".yml", ".yaml", ".sh", ".bash", ".txt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed beside the names. `host` None: nobody said what it runs on. `version` is the release where a file
    names none; `settings` are variables of a template or a compose file.

    `model` is served by what names none, and fills a template; `asks_hub`: the Hub may be asked about one that nobody
    here knows.
    """

    host: Host | None = None
    version: str | None = None
    model: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    asks_hub: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Servers to judge. `text` is where they were read, with comments that silence rules; empty for what has none.

    `host` None: nobody says what it runs on. `served` is the model of those that name none; None: nobody says.
    `identity` is the same whenever the same profile is named; None for what has no name.
    """

    name: str
    text: str
    services: tuple[Service, ...]
    host: Host | None
    served: ModelSpec | None
    identity: str | None


def targets_of(words: list[str], wish: Wish) -> Iterator[Target]:
    """Everything that was named, folders of templates too. Raises as `target_of`."""
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir() and not _is_model(path):
            yield from (_of_file(each, str(each), wish) for each in _templates_in(path))
        else:
            yield target_of(word, wish)


def target_of(word: str, wish: Wish) -> Target:
    """What was named. Raises NotFoundError for a name that is nothing, NothingFitsError for a model that nothing holds,
    BadFileError and UsageError.
    """
    path = Path(word).expanduser()
    if word == STDIN:
        return _of_text(sys.stdin.read(), "stdin", {}, wish, identity=None)
    if path.is_dir() and not _is_model(path):
        raise UsageError(f"{path} is a folder", hint="name one file in it")
    if path.is_file() or path.suffix in _FILES:
        return _of_file(path, word, wish)
    return _of_deployment(word, wish) or _of_template(word, wish) or _of_model(word, wish)


def _of_file(path: Path, name: str, wish: Wish, identity: str | None = None) -> Target:
    text, identity = text_of(path), identity or str(path.resolve())
    if is_template(text):
        return _of_template_file(path, name, text, wish, identity)
    return _of_text(text, path.name, variables_of(path), wish, identity=identity, shown=name, folder=path.parent)


def _of_text(
    text: str,
    name: str,
    variables: Mapping[str, str],
    wish: Wish,
    *,
    identity: str | None,
    shown: str | None = None,
    folder: Path | None = None,
) -> Target:
    services = tuple(read_services(text, name, {**variables, **wish.settings}, wish.version, folder))
    served = _served(services, wish, shown or name)
    return Target(
        name=shown or name, text=text, services=services, host=wish.host, served=served, identity=identity
    )  # fmt: skip


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _templates_in(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.glob("*.y*ml")) if is_template(text_of(path))]
    if not found:
        raise UsageError(f"there is no template in {folder}", hint="name the files: cloudgpu lint docker-compose.yml")
    return found


def _of_deployment(name: str, wish: Wish) -> Target | None:
    if "/" in name:
        return None
    from cloudgpu.cli.profile.deployed import deployed  # the journal is opened only for names that are no files
    from cloudgpu.cli.rendered_profile import host_with
    from cloudgpu.serving.profile import as_service

    found = deployed(name)
    if found is None:
        return None
    deployment, profile = found
    _refuse_settings(wish, f"{name} runs as it was started")
    services = (as_service(profile),)
    own = host_with(deployment.gpu, deployment.gpu_memory_mib, deployment.gpu_count)
    return Target(
        name=name, text="", services=services, host=wish.host or own, served=_served(services, wish, name),
        identity=f"deployment {name}",
    )  # fmt: skip


def _of_template(name: str, wish: Wish) -> Target | None:
    path = template_paths(_own_templates()).get(name)
    return _of_file(path, name, wish, identity=f"template {name}") if path else None


def _of_template_file(path: Path, name: str, text: str, wish: Wish, identity: str) -> Target:
    """Filled as `up` fills it where a model is named; else what only a start decides stays open."""
    from cloudgpu.serving.launching import settled_variables

    template = find_template(str(path), _own_templates())
    if wish.model:
        return _rendered(wish.model, wish, name, f"{identity} with {wish.model}", template)
    services = (*read_services(text, path.name, settled_variables(template, wish.settings), wish.version),)
    return Target(name=name, text=text, services=services, host=wish.host, served=None, identity=identity)


def _of_model(name: str, wish: Wish) -> Target:
    try:
        found = _find(name, wish)
    except UnknownModelError:
        raise NotFoundError(
            f"there is no file, deployment, template or model {name}",
            hint="cloudgpu status; cloudgpu template list; cloudgpu models",
        ) from None
    if wish.model:
        raise UsageError(f"{name} is a model already", hint="leave --model out, or name a template or a file")
    _refuse_settings(wish, f"{name} is a model")
    return _rendered(name, wish, name, f"model {found.model_id}")


def _rendered(model: str, wish: Wish, name: str, identity: str, template: "Template | None" = None) -> Target:
    from cloudgpu.cli.rendered_profile import rendered_profile  # planning is loaded only for what is planned
    from cloudgpu.serving.profile import as_service

    found = _find(model, wish)
    profile, host = rendered_profile(found, template, wish.settings, wish.host, wish.version)
    return Target(name=name, text="", services=(as_service(profile),), host=host, served=found, identity=identity)


def _served(services: tuple[Service, ...], wish: Wish, name: str) -> ModelSpec | None:
    """The model of those that name none that is known. Raises UsageError where every one names its own."""
    if wish.model is None:
        return None
    named = [case_of(each, services, None, wish.version).model for each in services if is_vllm(each)]
    if named and all(named):
        own = ", ".join(each.model_id for each in named if each)
        raise UsageError(f"{name} names its model itself: {own}", hint="leave --model out")
    return _find(wish.model, wish)


def _find(model: str, wish: Wish) -> ModelSpec:
    from cloudgpu.sizing.weighed import find_model  # the Hub's client is loaded for models that nobody here knows

    return find_model(model) if wish.asks_hub else resolve_model(model)


def _refuse_settings(wish: Wish, why: str) -> None:
    if wish.settings:
        raise UsageError(f"{why}: there is nothing to set", hint="--set is for templates and compose files")


def _own_templates() -> Path:
    return read_settings().config_dir / "templates"
