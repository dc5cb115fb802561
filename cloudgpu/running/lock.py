"""Locks in the store: one process at a time moves a deployment, a service, a migration.

The row tells whoever comes second who holds it. Who died is told by the machine's own process table where the store is
a file of this machine, and by the server, from the end of the holder's connection, where it is a server's.
"""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import ConflictError, StoreError
from cloudgpu.running.database import Database, upsert
from cloudgpu.running.schema import locks

_SERVER_NOTICES_A_DEATH_WITHIN_S = 10.0
"""A process's end closes its connection at once; a busy server may take seconds to read that and to let go."""

_LOOK_AGAIN_AFTER_S = 0.1

_HOLDER = select(locks).where(locks.c.name == bindparam("wanted"))
_GIVE_BACK = delete(locks).where(
    locks.c.name == bindparam("wanted"), *(locks.c[key] == bindparam(key) for key in ("host", "pid", "started"))
)

_AT_WORK: set[tuple[int, str]] = set()
"""What this process holds now, and through which `Locks`. Its row alone may be left of a Ctrl-C, or by a full disk."""


class Locks:
    """The locks of one store, as this process sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = SystemClock()
        self._held: dict[str, int] = {}
        self._guards: dict[str, Connection] = {}

    @contextmanager
    def hold(self, name: str, owner: str) -> Iterator[None]:
        """Hold `name` while the block runs. Raises ConflictError at once when another living process holds it.

        A journal that fails at the very end hides nothing of how the block ended: the lock dies with this process.
        """
        try:
            if not self._held.get(name):
                self._take(name, owner)
                _AT_WORK.add((id(self), name))
            self._held[name] = self._held.get(name, 0) + 1
            try:
                yield
            finally:
                self._held[name] -= 1
                if not self._held[name]:
                    with suppress(StoreError):
                        self._release(name)
        finally:
            if not self._held.get(name):
                _AT_WORK.discard((id(self), name))

    def is_held(self, name: str) -> bool:
        """Whether a process that may live holds it now. A row that this one could not take back is no such thing."""
        if self._database.is_shared:
            guard = self._database.guard(name)
            if guard is not None:
                self._database.let_go(guard)
            return guard is None
        with self._database.reading() as connection:
            holder = _holder(connection, name)
        return holder is not None and _is_at_work(holder)

    def is_free(self, name: str) -> bool:
        """Whether nobody stands in it, not even the dead. Takes nothing, so another may have it a moment later."""
        with self._database.reading() as connection:
            return _holder(connection, name) is None

    def check(self) -> None:
        """Raise StoreError when a lock of this process may have passed to another: the server lost sight of us."""
        for guard in self._guards.values():
            self._database.check(guard)

    def remove(self, name: str) -> bool:
        """Remove it, unless its holder may live: ConflictError. False: there was none.

        A file's lock that another machine holds is removed all the same: nobody here can tell whether that one lives.
        """
        guard = self._guard(name)
        try:
            with self._database.transaction() as connection:
                holder = _holder(connection, name)
                if holder and guard is None and _is_local(holder) and _is_at_work(holder):
                    raise _conflict(name, holder)
                return connection.execute(delete(locks).where(locks.c.name == name)).rowcount > 0
        finally:
            if guard is not None:
                self._database.let_go(guard)

    def _take(self, name: str, owner: str) -> None:
        guard = self._guard(name)
        try:
            with self._database.transaction() as connection:
                holder = _holder(connection, name)
                if holder and guard is None and _is_at_work(holder):
                    raise _conflict(name, holder)
                row = {"name": name, "owner": owner, "since": _now(), "person": _person(), **_me()}
                upsert(connection, locks, "name", row)
        except BaseException:
            if guard is not None:
                self._database.let_go(guard)
            raise
        if guard is not None:
            self._guards[name] = guard

    def _guard(self, name: str) -> Connection | None:
        """The server's own lock; None where the store is a file. Raises ConflictError when another process has it.

        A holder that died on this machine is waited out: the server reads the end of its connection a moment later.
        """
        if not self._database.is_shared:
            return None
        patience_over_at_s = self._clock.elapsed() + _SERVER_NOTICES_A_DEATH_WITHIN_S
        while (guard := self._database.guard(name)) is None:
            with self._database.reading() as connection:
                holder = _holder(connection, name)
            if holder is None:
                raise _just_taken(name)
            if _may_live(holder) or self._clock.elapsed() > patience_over_at_s:
                raise _conflict(name, holder, shared=True)
            self._clock.sleep(_LOOK_AGAIN_AFTER_S)
        return guard

    def _release(self, name: str) -> None:
        guard = self._guards.pop(name, None)
        try:
            with self._database.transaction() as connection:
                connection.execute(_GIVE_BACK, {"wanted": name, **_me()})
        finally:
            if guard is not None:
                self._database.let_go(guard)


def _holder(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(_HOLDER, {"wanted": name}).first()


def _me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _began()}


@cache
def _began() -> str:
    """When this process began: looked up once in its life, and anew in what is forked from it."""
    return _started(os.getpid())


os.register_at_fork(after_in_child=_began.cache_clear)


def _is_at_work(holder: Row[Any]) -> bool:
    """Whether somebody works under this lock: this process only inside `hold`, any other as long as it may live."""
    if all(getattr(holder, key) == value for key, value in _me().items()):
        return any(name == holder.name for _, name in _AT_WORK)
    return _may_live(holder)


def _may_live(holder: Row[Any]) -> bool:
    """Whether the holder may still run: a process of another machine always may, one of ours is looked up.

    Of a process that is there, two moments that are known tell that it is a later one.
    """
    if not _is_local(holder):
        return True
    began = _started(holder.pid)
    is_later = bool(began and holder.started and began != holder.started)
    return _exists(holder.pid) and not _is_zombie(holder.pid) and not is_later


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


def _person() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return None


def _just_taken(name: str) -> ConflictError:
    return ConflictError(f"{name} was just taken by another process", hint="try again in a moment")


def _conflict(name: str, holder: Row[Any], *, shared: bool = False) -> ConflictError:
    """Who holds it, since when, from which machine, and what can be done about it."""
    who = f"process {holder.pid}" + (f" of {holder.person}" if holder.person else "")
    hint = "wait for it, or stop it with Ctrl-C"
    if _is_local(holder):
        hint = f"wait for it, or end it (Ctrl-C, or: kill {holder.pid}): its lock goes with it"
    elif shared:
        hint += "; when its machine is no more, its lock goes within a minute"
    else:
        hint += f"; if that machine is no more: cloudgpu gc --unlock {name}"
    return ConflictError(f"{holder.owner} is at work on it ({who} on {holder.host}, since {holder.since})", hint=hint)
