"""How a migration is named where a command must say which one it means."""

from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.running.store import Store


def name_of(migration: Migration, store: Store) -> str | None:
    """Its service, which has one open migration at most; None while no other one is open, and nothing need be said."""
    others = [each for each in store.migrations() if each["id"] != migration.migration_id]
    return migration.service if any(not MigrationState(each["state"]).is_final for each in others) else None
