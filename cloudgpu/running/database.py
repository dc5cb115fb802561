"""The database under the journal: opened privately, every transaction whole, every failure one sentence."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from cloudgpu.base.errors import StoreError
from cloudgpu.running.schema import SCHEMA_VERSION, about, metadata

_BUSY_MS = 15_000


class Database:
    """An engine with our schema in it. Raises StoreError, naming the place, for whatever goes wrong."""

    def __init__(self, url: str) -> None:
        self._place = _shown(url)
        with self._explained():
            self._engine = _engine(url)
            self._prepare()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing. IntegrityError passes through, for whoever expects a clash."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            metadata.create_all(connection)
            _put_once(connection, "schema_version", str(SCHEMA_VERSION))
            _put_once(connection, "store_id", secrets.token_hex(4))
            found = about_value(connection, "schema_version")
        if found != str(SCHEMA_VERSION):
            raise StoreError(
                f"the journal {self._place} has the layout {found}, this cloudgpu knows {SCHEMA_VERSION}",
                hint="use the version of cloudgpu that wrote it, or set CLOUDGPU_STORE_URL to another place",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, ImportError, json.JSONDecodeError) as error:
            raise StoreError(
                f"the journal {self._place} cannot be used: {_reason(error)}",
                hint="repair it, restore a copy, or set CLOUDGPU_STORE_URL to another place",
            ) from error


def about_value(connection: Connection, name: str) -> str:
    """A fact about the store itself: `schema_version`, `store_id`."""
    return str(connection.execute(select(about.c.value).where(about.c.name == name)).scalar_one())


def upsert(connection: Connection, table: Table, key: str, values: dict[str, Any]) -> None:
    """Change the row with this key, or add it. Portable, inside the caller's transaction."""
    row = table.c[key]
    if connection.execute(update(table).where(row == values[key]).values(values)).rowcount == 0:
        connection.execute(insert(table).values(values))


def _put_once(connection: Connection, name: str, value: str) -> None:
    if connection.execute(select(about.c.value).where(about.c.name == name)).first() is None:
        connection.execute(insert(about).values(name=name, value=value))


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        _make_private(Path(parsed.database))
    engine = create_engine(parsed)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
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
    connection.isolation_level = None  # we begin transactions ourselves, see below
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    # Takes the write lock at once: two processes that read and then write never meet in a deadlock.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


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
