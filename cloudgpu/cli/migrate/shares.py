"""Who gets the requests of a service in the middle of a migration, in words."""

from cloudgpu.cli.migrate.standing import Standing
from cloudgpu.moving.gateway.route import SIDE_HEADER, ShareBy
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState


def who_serves(now: Standing) -> str:
    """A sentence: both with their shares while both have one, else the deployment that the address points to."""
    migration = now.migration
    if has_shares(migration):
        return f"The service {migration.service} is shared: {shares(migration)}."
    return f"The service {migration.service} is served by {now.serving or 'nothing'}."


def has_shares(migration: Migration) -> bool:
    """Whether both sides are meant to get requests."""
    return migration.standing is MigrationState.CANARY and migration.ending is None


def shares(migration: Migration) -> str:
    """`60 % of the requests go to qwen-14b, 40 % to mistral`: as this state wants it, whoever answers."""
    parts = _parts(migration)
    match migration.strategy.share_by:
        case ShareBy.HEADER:
            return f"requests with {SIDE_HEADER}: NAME go to that side; of the others {parts}"
        case ShareBy.MODEL:
            return f"requests that ask for one side's own model go to it; of the others {parts}"
    return parts


def state_told(migration: Migration) -> str:
    """`m-1 is promoted: all requests go to qwen-14b`; the state alone where requests go as before."""
    said = f"{migration.migration_id} is {migration.state.value.replace('_', ' ')}"
    if migration.ending or not migration.is_sharing:
        return said
    in_charge = migration.new if migration.new_percent else migration.old
    return f"{said}: {shares(migration) if has_shares(migration) else f'all requests go to {in_charge.name}'}"


def _parts(migration: Migration) -> str:
    new, old, percent = migration.new.name, migration.old.name, migration.new_percent
    is_all = migration.strategy.share_by is ShareBy.WEIGHT
    if percent == 100:
        return f"all {'requests ' if is_all else ''}go to {new}"
    return f"{percent} % {'of the requests ' if is_all else ''}go to {new}, {100 - percent} % to {old}"
