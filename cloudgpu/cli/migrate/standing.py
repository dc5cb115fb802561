"""A migration with everything that is known of its sides: what is shown of it, and what can be typed next."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloudgpu.cli import render
from cloudgpu.cli.session import Session
from cloudgpu.moving.footing import Footing, Stand, stand_known, waits
from cloudgpu.moving.life import life_of
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.ways_on import WayOn, in_words, ways_on
from cloudgpu.moving.withdrawal import serving
from cloudgpu.running.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A migration with both sides as the journal knows them, and the deployment that its address points to."""

    migration: Migration
    old: Deployment | None
    new: Deployment | None
    serving: str | None

    @property
    def footing(self) -> Footing:
        """How both sides stand, as far as the last look tells."""
        migration = self.migration
        return Footing(
            old=stand_known(self.old, migration.old_answers), new=stand_known(self.new, migration.new_answers)
        )

    @property
    def ways(self) -> tuple[WayOn, ...]:
        """What can be typed next, the best first."""
        return ways_on(self.migration, self.footing)

    @property
    def hint(self) -> str:
        """The same for an error; of a closed one, where to look."""
        return in_words(self.ways) or "see: cloudgpu migrate list"

    @property
    def no_way_back(self) -> str | None:
        """Why the old side could not take over now; None when it could, as far as the last look tells."""
        name, stand = self.migration.old.name, self.footing.old
        if stand is Stand.ANSWERS:
            return None
        return f"{name} does not answer" if stand.is_left else f"{name} is gone or going"

    @property
    def unserved(self) -> str | None:
        """Why the requests reach nobody who answers; None when they do, or that was agreed to."""
        migration, footing = self.migration, self.footing
        is_new = migration.standing is MigrationState.PROMOTED
        side, stand = (migration.new, footing.new) if is_new else (migration.old, footing.old)
        if stand is Stand.ANSWERS or (migration.replaces and stand is Stand.GONE):
            return None
        why = "does not answer" if stand.is_left else "is gone or going"
        return f"{side.name} has the requests of {migration.service} and {why}"


def standing(session: Session, migration: Migration) -> Standing:
    """Read from the journal and the address files; calls no network."""
    service = session.store.service(migration.service)
    return Standing(
        migration=migration,
        old=life_of(migration.old, migration.service, session.store),
        new=life_of(migration.new, migration.service, session.store),
        serving=serving(service, session.settings.state_dir) if service else None,
    )


def silences(now: Standing) -> Iterator[str]:
    """A sentence on each side that serves nobody, with what it bills all the same; none on one that was never there."""
    for life, stand in ((now.old, now.footing.old), (now.new, now.footing.new)):
        if life is None or stand is Stand.ANSWERS:
            continue
        if not stand.is_left:
            yield f"{life.name} is {'gone' if stand is Stand.GONE else 'being removed'}."
        elif stand.is_still:
            yield f"{waits(life)}."
        elif stand is Stand.SILENT or life.ready_at:
            bills = f"bills {render.money(life.usd_per_hour_now, 4)} per hour all the same"
            yield f"{life.name} does not answer, and {bills}."
