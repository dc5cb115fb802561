"""A copy of the journal beside it, so that one that is lost is never taken for one in which nothing was ever rented."""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudgpu.base.errors import NotFoundError, StoreError

_EVERY = timedelta(hours=1)
_BESIDE = ("", "-wal", "-shm")


def copy_path(path: Path) -> Path:
    """Where the copy of this journal is kept."""
    return path.with_name(path.name + ".copy")


def refuse_if_lost(path: Path) -> None:
    """Raise StoreError when the journal is missing or empty though a copy says that there was one."""
    if copy_path(path).exists() and (not path.exists() or path.stat().st_size == 0):
        raise StoreError(f"the journal {path} is {'empty' if path.exists() else 'gone'}", hint=restore_hint(path))


def restore_hint(path: Path) -> str | None:
    """What to do about a journal that cannot be read; None when there is no copy of it."""
    try:
        made = datetime.fromtimestamp(copy_path(path).stat().st_mtime, UTC)
    except OSError:
        return None
    return (
        f"a copy of {made:%Y-%m-%d %H:%M} UTC is kept beside it: cloudgpu doctor --restore-journal; "
        "cloudgpu gc then finds what was rented since"
    )


def keep_copy(path: Path) -> None:
    """Copy the journal, once an hour at most. A copy that cannot be made is no reason to fail."""
    copy = copy_path(path)
    beside = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        if copy.exists() and datetime.now(UTC).timestamp() - copy.stat().st_mtime < _EVERY.total_seconds():
            return
        os.close(os.open(beside, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(beside)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        beside.replace(copy)
    except (OSError, sqlite3.Error):
        for ending in _BESIDE:
            with suppress(OSError):
                Path(f"{beside}{ending}").unlink()


def restore(path: Path) -> Path:
    """Put the copy in the journal's place; where what stood there was put. Raises NotFoundError without a copy."""
    if not copy_path(path).exists():
        raise NotFoundError(f"there is no copy of the journal {path}", hint="cloudgpu gc finds what bills without it")
    aside = path.with_name(f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    copy_path(path).rename(path)
    return aside
