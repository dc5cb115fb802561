"""Reads the events of a journal that is a file of this machine, for reports, without loading the database library.

That library takes as long to load as all the rest of a report. Nothing is written here, and whatever is unusual about
the file (another layout, damage, a server instead of a file) is left to the store, which knows what to say about it.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.layout import SCHEMA_VERSION
from cloudgpu.running.spare_copy import copy_path

_PREFIX = "sqlite:///"
_Found = TypeVar("_Found")
_KINDS = {kind.value: kind for kind in EventKind}
_SETTLED = frozenset({
    "intended", "provisioning", "starting", "loading", "ready", "failed", "stopped", "outbid", "draining",
    "gone", "abandoned",
})  # fmt: skip
"""The states in which nothing may bill that nobody can vouch for; the records that name them take long to load."""

_EVENTS = "SELECT kind, at, deployment, provider, token, instance_id, data FROM events ORDER BY seq"
_RECORDS = "SELECT token, body FROM deployments WHERE state NOT IN ('gone', 'abandoned')"
_VERSION = "SELECT value FROM about WHERE name = 'schema_version'"


def file_events(url: str) -> list[Event] | None:
    """Every event in the order it was appended, none before the first use; None when only the store can tell.

    A file that is gone though a copy of it is left is no first use: the store refuses it, and says what to do.
    """
    return _read(url, _events)


def file_looks(url: str) -> list[tuple[str, datetime | None]] | None:
    """The token of each life that is not over, and when its provider showed it last (None: never); as `file_events`."""
    return _read(url, _looks)


def file_in_doubt(url: str) -> bool | None:
    """Whether the journal's file holds something that may bill unvouched for; None when only the store can tell."""
    path = _path(url)
    if path is None:
        return None
    if not path.exists():
        return None if copy_path(path).exists() else False
    states = _anyhow(path, _states)
    return None if states is None else not states <= _SETTLED


def file_in_memory(url: str) -> sqlite3.Connection | None:
    """A copy of the journal's file in memory, whole; None when there is no such file, or it cannot be read whole."""
    path = _path(url)
    return _anyhow(path, _copy) if path is not None and path.exists() else None


def _path(url: str) -> Path | None:
    """None of a server, of a journal in memory, and of an address that says more than a place."""
    name = url.removeprefix(_PREFIX)
    return Path(name) if url.startswith(_PREFIX) and "?" not in name and name not in ("", ":memory:") else None


def _read(url: str, read: Callable[[sqlite3.Connection], Iterator[_Found]]) -> list[_Found] | None:
    path = _path(url)
    if path is None:
        return None
    if not path.exists():
        return None if copy_path(path).exists() else []
    with suppress(ValueError, KeyError, TypeError):
        return _anyhow(path, lambda connection: _known(connection, read))
    return None


def _known(
    connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], Iterator[_Found]]
) -> list[_Found] | None:
    """None of another layout."""
    if connection.execute(_VERSION).fetchone() != (str(SCHEMA_VERSION),):
        return None
    return list(read(connection))


def _looks(connection: sqlite3.Connection) -> Iterator[tuple[str, datetime | None]]:
    for token, body in connection.execute(_RECORDS):
        seen_at = json.loads(body)["seen_at"]
        yield token, None if seen_at is None else _moment(seen_at)


def _anyhow(path: Path, read: Callable[[sqlite3.Connection], _Found]) -> _Found | None:
    """What is read of the file on whatever disk; None when it cannot be read.

    SQLite keeps an index of what is not yet folded into the file in another one beside it, for which a full disk has no
    room: who reads alone keeps it in memory. In a folder that may only be read it makes no such file, and wants to be
    told that nobody else writes; all is in the file there unless its log is left beside it.
    """
    ways = [("mode=ro", ""), ("mode=rw", "PRAGMA locking_mode=EXCLUSIVE")]
    if not os.access(path.parent, os.W_OK) and not _has_log(path):
        ways.append(("mode=ro&immutable=1", ""))
    for how, first in ways:
        with suppress(sqlite3.Error), closing(_opened(path, how)) as connection:
            connection.execute(first)
            return read(connection)
    return None


def _has_log(path: Path) -> bool:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except OSError:
        return False


def _opened(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)


def _states(connection: sqlite3.Connection) -> frozenset[str]:
    """The states of all deployments."""
    return frozenset(state for (state,) in connection.execute("SELECT DISTINCT state FROM deployments"))


def _copy(connection: sqlite3.Connection) -> sqlite3.Connection | None:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    connection.backup(copy)
    if copy.execute("PRAGMA quick_check").fetchall() == [("ok",)]:
        return copy
    copy.close()
    return None


def _events(connection: sqlite3.Connection) -> Iterator[Event]:
    """One after another. Names are held once: in a long journal each of them comes back thousands of times."""
    known: dict[str | None, str | None] = {}
    once = known.setdefault
    for kind, at, deployment, provider, token, instance_id, data in connection.execute(_EVENTS):
        yield Event(
            kind=_KINDS[kind], at=_moment(at), deployment=once(deployment, deployment),
            provider=once(provider, provider), token=once(token, token),
            instance_id=once(instance_id, instance_id), data=_data(data),
        )  # fmt: skip


def _moment(text: str) -> datetime:
    """What `utc_text` wrote: always UTC."""
    return datetime.fromisoformat(text)


@lru_cache(maxsize=256)
def _data(text: str) -> dict[str, Any]:
    """Looks at a machine that stays as it is repeat themselves; nobody changes an event's data."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError(text)
    return found
