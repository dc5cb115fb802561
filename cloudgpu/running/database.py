"""The database under the journal: opened privately, every transaction whole, every failure one sentence."""

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, TextClause, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from cloudgpu.base.errors import StoreError, UnwritableStoreError
from cloudgpu.running.layout import SCHEMA_VERSION
from cloudgpu.running.schema import about
from cloudgpu.running.spare_copy import keep_copy, refuse_if_lost, restore_hint
from cloudgpu.running.upgrade import bring_up_to_date

_BUSY_MS = 15_000
_FACTS = select(about.c.name, about.c.value)
_NOTICED_WHEN_GONE = ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3")


class Database:
    """An engine with our schema in it. Raises StoreError, naming the place, for whatever goes wrong."""

    def __init__(self, url: str, copy: sqlite3.Connection | None = None) -> None:
        self._place, self._file = _shown(url), None if copy else file_of(url)
        with self._explained():
            if self._file is not None:
                refuse_if_lost(self._file)
            self._engine = _engine(url) if copy is None else _engine_on(copy)
            self.facts = self._facts()
            if self.facts.get("schema_version") != str(SCHEMA_VERSION):
                with _begun(self._engine) as connection:
                    bring_up_to_date(connection, self._place)
                self.facts = self._facts()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For one question that changes nothing. In a file it waits for no writer, and keeps none waiting."""
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing. IntegrityError passes through, for whoever expects a clash."""
        with self._explained(), _begun(self._engine) as connection:
            yield connection

    def keep_copy(self) -> None:
        """Copy a journal that is a file of this machine, now and then; a server's is its keeper's to copy."""
        if self._file is not None:
            keep_copy(self._file)

    @property
    def kind(self) -> str:
        """`SQLite` or `PostgreSQL`, and where."""
        return f"{'PostgreSQL' if self.is_shared else 'SQLite'} at {self._place}"

    @property
    def is_kept(self) -> bool:
        """Whether it outlives the process: one in memory does not."""
        return self.is_shared or self._file is not None

    @property
    def is_shared(self) -> bool:
        """Whether other machines may use it: a server's, not a file of this machine."""
        return self._engine.dialect.name != "sqlite"

    def guard(self, name: str) -> Connection | None:
        """A connection of its own that holds the server's lock of this name until it ends; None: another one has it.

        However the process or its machine ends, the server notices within a minute and lets go of the lock.
        """
        with self._explained():
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # its end is to be the lock's end: no pool may keep it
            for setting in _NOTICED_WHEN_GONE:
                connection.exec_driver_sql(f"SET {setting}")
            key = func.hashtextextended(name, 0)
            if connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one():
                return connection
            self.let_go(connection)
            return None

    def check(self, guard: Connection) -> None:
        """Raise StoreError when the server ended this connection: what it guarded may be somebody else's by now."""
        with self._explained():
            guard.execute(select(1))

    def let_go(self, guard: Connection) -> None:
        """Give the server's lock back; the server sees to it itself when it cannot be told."""
        with suppress(SQLAlchemyError):
            guard.execute(select(func.pg_advisory_unlock_all()))
        with suppress(SQLAlchemyError):
            guard.close()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _facts(self) -> dict[str, str]:
        """What is recorded of the store itself; nothing of a new one, or one that cannot be read."""
        try:
            with self._engine.connect() as connection:
                return {row.name: row.value for row in connection.execute(_FACTS)}
        except DatabaseError:
            return {}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError, ImportError, json.JSONDecodeError) as error:
            kind = UnwritableStoreError if self._file and _takes_nothing_more(error) else StoreError
            raise kind(
                f"the journal {self._place} cannot be used: {_reason(error)}",
                hint=_harmless(error)
                or (self._file and restore_hint(self._file))
                or "repair it, restore a copy, or set CLOUDGPU_STORE to another place",
            ) from error


def file_of(url: str) -> Path | None:
    """The file of a journal in SQLite; None for one in memory, on a server, or at no address that can be read."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def upsert(connection: Connection, table: Table, key: str, values: dict[str, Any]) -> None:
    """Change the row with this key, or add it: one statement, so that two who do it at once do not clash."""
    connection.execute(_upsert(table.name, key, tuple(values)), values)


@cache
def _upsert(table: str, key: str, names: tuple[str, ...]) -> TextClause:
    """In words that SQLite and PostgreSQL share: put together once, where the library would for every single row."""
    new, changed = ", ".join(f":{name}" for name in names), ", ".join(f"{name} = excluded.{name}" for name in names)
    return text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({new}) ON CONFLICT ({key}) DO UPDATE SET {changed}")


def _takes_nothing_more(error: Exception) -> bool:
    """Whether it is the disk under the journal that refuses, and no other process or damage."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
    return _sqlite_code(error) in _THE_DISK_REFUSES


_THE_DISK_REFUSES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def _sqlite_code(error: Exception) -> int:
    return getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF


def _harmless(error: Exception) -> str | None:
    """What to do where the journal itself is whole and only cannot be written; None for anything else."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _MAKE_ROOM
    return {
        sqlite3.SQLITE_READONLY: f"it is whole: {_LET_WRITE}",
        sqlite3.SQLITE_CANTOPEN: _LET_WRITE,  # a disk that may only be read takes no file beside it
        sqlite3.SQLITE_FULL: _MAKE_ROOM,
    }.get(_sqlite_code(error))


_LET_WRITE = "let it and its folder be written, or set CLOUDGPU_STORE"
_MAKE_ROOM = "it is whole: free some space on its disk, then type the same again"


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    path = file_of(url)
    if path is not None:
        _make_private(path)
    return _listening(create_engine(parsed))


def _engine_on(copy: sqlite3.Connection) -> Engine:
    return _listening(create_engine("sqlite://", creator=lambda: copy, poolclass=StaticPool))


def _listening(engine: Engine) -> Engine:
    event.listen(engine, "connect", _on_connect)
    return engine


def _make_private(path: Path) -> None:
    """The file 0600 in a folder 0700, before SQLite makes either more widely; its WAL files take the file's mode."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True)
    if not path.exists():
        path.parent.chmod(0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif os.stat(path).st_mode & 0o077:
        path.chmod(0o600)


def _on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401  (a driver's own connection)
    connection.isolation_level = None  # we begin transactions ourselves, see _begun
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


@contextmanager
def _begun(engine: Engine) -> Iterator[Connection]:
    # SQLite's takes the write lock at once: two processes that read and then write never meet in a deadlock.
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.cursor().execute("BEGIN IMMEDIATE").close()  # straight, past the library's own care
        yield connection


def _shown(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        return url.split("@")[-1]
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or "in memory"
    return parsed.render_as_string(hide_password=True)


def _reason(error: Exception) -> str:
    origin = getattr(error, "orig", None) or error
    return str(origin).splitlines()[0] if str(origin) else type(origin).__name__
