"""What `cloudgpu lint` is pointed at: files, folders of templates, templates and deployments by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.base.errors import NotFoundError, UsageError
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.lint import host_with
from cloudgpu.cli.named_file import text_of, variables_of
from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.check import read_services
from cloudgpu.serving.lint.service import Service
from cloudgpu.serving.lint.template_service import is_template
from cloudgpu.serving.template_folders import template_paths

_FILES = {".yml", ".yaml", ".sh", ".bash", ".txt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Servers to check. `path` None: a deployment; `host` None: nobody says what it runs on."""

    name: str
    path: Path | None
    text: str
    services: tuple[Service, ...]
    host: Host | None


def targets_of(words: list[str], host: Host | None, version: str | None) -> Iterator[Target]:
    """Everything that was named. Raises NotFoundError for a name that is nothing, BadFileError and UsageError."""
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            yield from (_of_file(each, str(each), host, version) for each in _templates_in(path))
        elif path.is_file() or path.suffix in _FILES or path.parent != Path():
            yield _of_file(path, word, host, version)
        else:
            yield _of_deployment(word, host) or _of_template(word, host, version)


def _of_file(path: Path, name: str, host: Host | None, version: str | None) -> Target:
    text = text_of(path)
    services = read_services(text, path.name, variables_of(path), version)
    return Target(name=name, path=path, text=text, services=tuple(services), host=host)


def _templates_in(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.glob("*.y*ml")) if is_template(text_of(path))]
    if not found:
        raise UsageError(f"there is no template in {folder}", hint="name the files: cloudgpu lint docker-compose.yml")
    return found


def _of_deployment(name: str, host: Host | None) -> Target | None:
    from cloudgpu.cli.profile.files import launched  # the journal is opened only for names that are no files
    from cloudgpu.cli.session import open_session
    from cloudgpu.serving.profile import as_service

    session = open_session()
    found = session.store.deployment(name)
    if found is None:
        return None
    profile = launched(session.settings.state_dir, found.launch_digest)
    if profile is None:
        raise NotFoundError(f"what {name} was started with is not written down here", hint="was it rented elsewhere?")
    own = host_with(found.gpu, found.gpu_memory_mib, found.gpu_count)
    return Target(name=name, path=None, text="", services=(as_service(profile),), host=host or own)


def _of_template(name: str, host: Host | None, version: str | None) -> Target:
    paths = template_paths(read_settings().config_dir / "templates")
    if name not in paths:
        raise NotFoundError(
            f"there is no file, deployment or template {name}", hint="cloudgpu status; cloudgpu template list"
        )
    return _of_file(paths[name], name, host, version)
