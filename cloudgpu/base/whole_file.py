"""Files that are written whole or not at all: made beside their place, on disk, then put there in one step.

How everything is written that somebody would miss (the emulator keeps a quicker way for its own world). A reader sees
the old content or the new one; a full disk, a kill or a power cut leaves the old one.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_LINKS = 40
"""As many as Linux follows."""


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Put this text there, as UTF-8. Raises OSError. See `write_whole_with`."""
    write_whole_with(path, lambda beside: _write_text(beside, text), private=private)


def write_whole_with(path: Path, writer: Callable[[Path], None], *, private: bool = False) -> None:
    """Let a writer make the file beside its place, then put it there.

    A link stays a link: what it leads to is written. A file that exists keeps its permissions, a new one gets the usual
    ones, or with `private` those of its owner alone. Raises OSError, also for a place that holds no ordinary file (a
    device, a pipe, a folder: nothing takes their place), and whatever the writer raises.
    """
    place = place_of(path)
    beside = place.with_name(f".{place.name[:200]}.{os.urandom(4).hex()}")
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666))
        model = place if place.exists() and not private else beside
        permissions = stat.S_IMODE(model.stat().st_mode)
        writer(beside)
        beside.chmod(permissions)
        to_disk(beside)
        os.replace(beside, place)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def place_of(path: Path) -> Path:
    """Where a path leads: past links, to a file or to nothing yet.

    Raises OSError for what is no ordinary file, and for what the system makes up at every look (`/dev`, `/proc`):
    `/dev/stdout` may lead to a file that somebody else holds open.
    """
    place = path
    for _ in range(_LINKS):
        _refuse_made_up(place)
        if not place.is_symlink():
            break
        place = place.parent / place.readlink()
    else:
        raise OSError(f"{path} is a link that leads to itself")
    if place.exists() and not place.is_file():
        raise OSError("it is no ordinary file")
    return place


def to_disk(path: Path) -> None:
    """Have a file, or what a folder lists, on disk: no power cut takes it back. Raises OSError, of a full disk too."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_made_up(place: Path) -> None:
    folder = os.path.realpath(place.parent)
    if folder in ("/dev", "/proc") or folder.startswith("/proc/"):
        raise OSError("it is no ordinary file")


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
