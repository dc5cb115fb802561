"""The layout of the journal, made or brought up to date: one transaction, one process at a time."""

import secrets

from sqlalchemy import Connection, insert, inspect, select, text, update

from cloudgpu.base.errors import StoreError
from cloudgpu.running.layout import SCHEMA_VERSION
from cloudgpu.running.schema import about, metadata

_STEPS: dict[int, tuple[str, ...]] = {
    1: ("ALTER TABLE locks ADD COLUMN person TEXT",),
}
"""From the version on the left to the next one, in SQL that every database of ours understands."""

_ONE_AT_A_TIME = 0x636C6F7564677075


def bring_up_to_date(connection: Connection, place: str) -> None:
    """Make the tables, or lead those of an earlier version to this one, all of it or nothing.

    Raises StoreError for a journal that a later cloudgpu wrote: nothing of it is touched.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transactions take the write lock as they begin
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    if not inspect(connection).has_table(about.name):
        metadata.create_all(connection)
        facts = {"schema_version": str(SCHEMA_VERSION), "store_id": secrets.token_hex(4)}
        connection.execute(insert(about), [{"name": name, "value": value} for name, value in facts.items()])
    found = about_value(connection, "schema_version")
    if not found.isdecimal() or not 1 <= int(found) <= SCHEMA_VERSION:
        raise StoreError(
            f"the journal {place} has the layout {found}, this cloudgpu knows {SCHEMA_VERSION} and earlier ones",
            hint="use the version of cloudgpu that wrote it, or set CLOUDGPU_STORE to another place",
        )
    for version in range(int(found), SCHEMA_VERSION):
        for statement in _STEPS[version]:
            connection.exec_driver_sql(statement)
    if found != str(SCHEMA_VERSION):
        connection.execute(update(about).where(about.c.name == "schema_version").values(value=str(SCHEMA_VERSION)))


def about_value(connection: Connection, name: str) -> str:
    """A fact about the store itself: `schema_version`, `store_id`."""
    return str(connection.execute(select(about.c.value).where(about.c.name == name)).scalar_one())
