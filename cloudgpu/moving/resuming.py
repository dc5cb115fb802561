"""Goes on with a migration that was interrupted, wherever it stands."""

from dataclasses import replace

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.closing import finish
from cloudgpu.moving.forward import go_forward, share_ends
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.sides import saved
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.window import advance


def resume(migration: Migration, acts: Acts, *, force: bool = False) -> Migration:
    """Go on with whatever was interrupted: the way forward, a move of the traffic, a step that is due, or the end.

    A pause is over: a step of a canary lasts as long again, gates that could not tell are asked again. `force` goes on
    although the gates object, or the old side does not answer when the new one is given up. Raises ConflictError when
    the migration is closed, and what the continued step raises.
    """
    if migration.state.is_final:
        raise ConflictError(f"the migration {migration.migration_id} is {migration.state}: nothing is left to do")
    if migration.ending:
        return finish(migration, acts, force=force)
    if migration.state is MigrationState.ROLLED_BACK:
        return acts.share(migration)
    if migration.state is MigrationState.PAUSED:
        migration = migration.at(migration.standing)
        lasts = migration.state is MigrationState.CANARY
        migration = saved(replace(migration, due=share_ends(migration, acts) if lasts else None), acts)
    if migration.state.is_watched:
        return advance(migration, acts)
    return go_forward(replace(migration, force=force or migration.force), acts)
