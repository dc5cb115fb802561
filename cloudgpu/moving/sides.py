"""What the steps of a migration ask about its sides, and the errors that say where it stands.

Two rules stand above all: requests always have a side to go to that is left, and a side that they may reach is never
destroyed. A side is left while it exists and nobody asked for its end.
"""

from dataclasses import replace

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.footing import Footing, Stand
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.ways_on import in_words, typed, ways_on


def saved(migration: Migration, acts: Acts) -> Migration:
    """Written down."""
    acts.save(migration)
    return migration


def is_left(side: Side, acts: Acts) -> bool:
    """It exists and nobody asked for its end."""
    return acts.exists(side) and not acts.is_ending(side)


def nothing_is_left(migration: Migration, acts: Acts) -> bool:
    """Neither side is."""
    return not any(is_left(side, acts) for side in (migration.old, migration.new))


def check_is_left(side: Side, acts: Acts, hint: str) -> None:
    """Raise ConflictError unless it is left."""
    if not acts.exists(side):
        raise ConflictError(f"{side.name} no longer exists, so it cannot take over", hint=hint)
    if acts.is_ending(side):
        raise ConflictError(f"{side.name} is being removed, so it cannot take over", hint=hint)


def footing_now(migration: Migration, acts: Acts) -> Footing:
    """How both stand now: they are looked at and asked."""
    return Footing(old=acts.stand(migration.old), new=acts.stand(migration.new))


def asked(migration: Migration, acts: Acts) -> Migration:
    """The migration with who answers now. It is not written down."""
    footing = footing_now(migration, acts)
    old_answers, new_answers = (each is Stand.ANSWERS for each in (footing.old, footing.new))
    now = replace(migration, old_answers=old_answers, new_answers=new_answers)
    return replace(now, old_found=acts.found(migration.old), new_found=acts.found(migration.new))


def noted(migration: Migration, acts: Acts) -> Migration:
    """The same, written down where that is news."""
    now = asked(migration, acts)
    return migration if now == migration else saved(now, acts)


def ways_now(migration: Migration, acts: Acts) -> str:
    """For a hint: what goes on with the migration or closes it, as its sides stand now."""
    return in_words(ways_on(migration, footing_now(migration, acts), acts.name(migration)))


def to_type(verb: str, migration: Migration, acts: Acts) -> str:
    """One command for this migration: `cloudgpu migrate abort`, with its name where several are open."""
    return typed(f"cloudgpu migrate {verb}", acts.name(migration))


def stands_at(migration: Migration, acts: Acts) -> ConflictError:
    """The error for an act that this state forbids."""
    return ConflictError(
        f"the migration {migration.migration_id} of {migration.service} "
        f"({migration.old.name} → {migration.new.name}) is {migration.state}",
        hint=ways_now(migration, acts) or "see: cloudgpu migrate list",
    )


def being_closed(migration: Migration, acts: Acts) -> ConflictError:
    """The error for an act that an end which was begun forbids."""
    return ConflictError(
        f"the migration {migration.migration_id} is being closed: {migration.spare.name} may be gone already",
        hint=ways_now(migration, acts) or f"see: {to_type('status', migration, acts)}",
    )
