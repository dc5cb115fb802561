"""The variables that a service takes from files, as Compose reads `env_file`: later files win over earlier ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.serving.lint.reading.variables import UNKNOWN, env_file, expand


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFiles:
    """`missing` are those that Compose refuses to start without; `hides_some`: at least one could not be read."""

    variables: Mapping[str, str]
    missing: tuple[str, ...] = ()
    hides_some: bool = False


def read_env_files(value: object, folder: Path | None, variables: Mapping[str, str]) -> EnvFiles:
    """What the `env_file` of a service says. `folder` is the compose file's; None: nothing is read."""
    found: dict[str, str] = {}
    missing: list[str] = []
    hides_some = False
    for written, is_required in _listed(value):
        name = expand(written, variables)
        path = folder / name if folder and UNKNOWN not in name else None
        if path is None or not path.is_file():
            hides_some = hides_some or path is None or is_required
            missing += [name] if path is not None and is_required and not path.exists() else []
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            hides_some = True
            continue
        for key, each in env_file(text).items():
            found[key] = expand(each, {**variables, **found})
    return EnvFiles(variables=found, missing=tuple(missing), hides_some=hides_some)


def _listed(value: object) -> Iterator[tuple[str, bool]]:
    """Each path, and whether Compose insists on it."""
    for each in value if isinstance(value, list) else [value] if value else ():
        if isinstance(each, dict):
            yield str(each.get("path", "")), each.get("required") is not False
        else:
            yield str(each), True
