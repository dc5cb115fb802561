"""Locks in the store: one process at a time moves a deployment, a service, a migration."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select
from sqlalchemy.exc import IntegrityError

from cloudgpu.base.errors import ConflictError
from cloudgpu.running.database import Database
from cloudgpu.running.schema import locks


class Locks:
    """The locks of one store, as this process sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, int] = {}

    @contextmanager
    def hold(self, name: str, owner: str) -> Iterator[None]:
        """Hold `name` while the block runs. Raises ConflictError at once when another living process holds it."""
        if not self._held.get(name):
            self._take(name, owner)
        self._held[name] = self._held.get(name, 0) + 1
        try:
            yield
        finally:
            self._held[name] -= 1
            if not self._held[name]:
                self._release(name)

    def remove(self, name: str) -> bool:
        """Remove it, unless a process of this machine that lives holds it: ConflictError. False: there was none."""
        with self._database.transaction() as connection:
            holder = connection.execute(select(locks).where(locks.c.name == name)).first()
            if holder and _is_local(holder) and _may_live(holder):
                raise _conflict(name, holder)
            return connection.execute(delete(locks).where(locks.c.name == name)).rowcount > 0

    def _take(self, name: str, owner: str) -> None:
        try:
            with self._database.transaction() as connection:
                holder = connection.execute(select(locks).where(locks.c.name == name)).first()
                if holder and _may_live(holder):
                    raise _conflict(name, holder)
                connection.execute(delete(locks).where(locks.c.name == name))
                connection.execute(insert(locks).values(name=name, owner=owner, since=_now(), **_me()))
        except IntegrityError:  # another host took it in the same instant
            raise ConflictError(f"{name} was just taken by another process", hint="try again in a moment") from None

    def _release(self, name: str) -> None:
        mine = and_(locks.c.name == name, *(locks.c[key] == value for key, value in _me().items()))
        with self._database.transaction() as connection:
            connection.execute(delete(locks).where(mine))


def _me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}


def _may_live(holder: Row[Any]) -> bool:
    """Whether the holder may still run: a process of another machine always may, one of ours is looked up."""
    if not _is_local(holder):
        return True
    return _exists(holder.pid) and not _is_zombie(holder.pid) and _started(holder.pid) == holder.started


def _is_local(holder: Row[Any]) -> bool:
    return bool(holder.host == socket.gethostname())


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    """When the process began, in the kernel's ticks: tells it from a later one of the same number. Empty: unknown."""
    return (_stat(pid)[19:20] or [""])[0]


def _is_zombie(pid: int) -> bool:
    """Dead already, only not yet fetched by its parent (which may have been killed with it)."""
    return _stat(pid)[:1] in (["Z"], ["X"])


def _stat(pid: int) -> list[str]:
    """The kernel's fields on a process, from its state on; empty where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _conflict(name: str, holder: Row[Any]) -> ConflictError:
    here = f"wait for it, or end it (Ctrl-C, or: kill {holder.pid}): its lock goes with it"
    elsewhere = f"wait for it, or stop it with Ctrl-C; if that machine is no more: cloudgpu gc --unlock {name}"
    return ConflictError(
        f"{holder.owner} is at work on it (process {holder.pid} on {holder.host}, since {holder.since})",
        hint=here if _is_local(holder) else elsewhere,
    )
