"""Profiles that are kept in the state folder: of what was rented, by the digest of its launch, and backups by name.

Beside what was rented stands what was asked for it, so that a migration can ask the same of its new side.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from cloudgpu.base.errors import BadFileError, NotFoundError
from cloudgpu.base.whole_file import write_whole
from cloudgpu.serving.asked import AskedWords
from cloudgpu.serving.profile import Profile

_BACKUP = re.compile(r"^(?P<name>.+)@(?P<at>\d{8}T\d{6}Z)\.(?P<kind>\w+)$")


def keep_launches(state_dir: Path, profiles: Iterable[tuple[str, Profile]], words: AskedWords) -> None:
    """Write down what may run, by digest, before it is rented. Raises BadFileError when it cannot be written."""
    for digest, profile in profiles:
        body = {**profile.as_body(), "asked": words.as_body()}
        _write(_launches(state_dir) / f"{digest}.json", json.dumps(body, indent=1) + "\n")


def launched(state_dir: Path, digest: str | None) -> Profile | None:
    """What a deployment was started with; None for one that was rented elsewhere, or before profiles were kept."""
    path = _launches(state_dir) / f"{digest}.json"
    return read_profile(path) if digest and path.is_file() else None


def asked_at_launch(state_dir: Path, digest: str | None) -> AskedWords | None:
    """What was asked of a deployment beyond its plan; None for one that is not written down on this machine."""
    path = _launches(state_dir) / f"{digest}.json"
    try:
        return AskedWords.from_body(json.loads(path.read_text(encoding="utf-8"))["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_profile(path: Path) -> Profile:
    """A kept profile. Raises BadFileError."""
    try:
        return Profile.from_body(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadFileError(f"{path} cannot be read: {error}", hint="was it written by cloudgpu?") from None


def back_up(state_dir: Path, name: str, text: str, *, kind: str, at: str) -> Path:
    """Keep a text under a name and a time; one that is there already is never written over."""
    path = _backups(state_dir) / f"{name}@{at}.{kind}"
    if path.exists():
        raise BadFileError(f"{path.name} exists", hint="wait a second and type the same again")
    _write(path, text)
    return path


def backups(state_dir: Path, name: str | None = None) -> list[Path]:
    """Backups, oldest first; of one name, or all."""
    folder = _backups(state_dir)
    found = sorted(folder.iterdir(), key=_when) if folder.is_dir() else []
    return [path for path in found if (match := _BACKUP.match(path.name)) and name in (None, match["name"])]


def find_backup(state_dir: Path, wanted: str) -> Path:
    """`NAME@TIME`, or the newest of NAME. Raises NotFoundError."""
    name, sign, _ = wanted.partition("@")
    found = [path for path in backups(state_dir, name) if not sign or path.name.startswith(f"{wanted}.")]
    if not found:
        raise NotFoundError(f"no backup {wanted}", hint="cloudgpu profile restore lists what is kept")
    return found[-1]


def _when(path: Path) -> tuple[str, str]:
    return path.name.rpartition("@")[2], path.name


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, text, private=True)
    except OSError as error:
        raise BadFileError(f"{path} cannot be written: {error}", hint="is the state folder writable?") from None


def _launches(state_dir: Path) -> Path:
    return state_dir / "launches"


def _backups(state_dir: Path) -> Path:
    return state_dir / "profiles"
