"""A migration with everything that is known of its sides: what is shown of it, and what can be typed next."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.profile.files import asked_at_launch
from cloudgpu.cli.session import Session
from cloudgpu.moving.footing import SILENCE, Footing, Stand, stand_known, waits
from cloudgpu.moving.gateway.route import gateway_folder, has_route
from cloudgpu.moving.life import life_of, new_life
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.naming import name_of
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.ways_on import BEFORE_SHARING, WayOn, bringing_back, in_words, ways_on
from cloudgpu.moving.withdrawal import serving
from cloudgpu.running.deployment import Deployment
from cloudgpu.serving.asked import AskedWords


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A migration with both sides as the journal knows them, and the deployment that its address points to.

    `has_gateway`: clients reach the service through one. `brings_back` is set when the old side went first, the new one
    never came, and nothing serves the service since. `name` is what a command must be told where several are open.
    """

    migration: Migration
    old: Deployment | None
    new: Deployment | None
    serving: str | None
    has_gateway: bool
    brings_back: WayOn | None
    name: str | None

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
        return (self.brings_back,) if self.brings_back else ways_on(self.migration, self.footing, self.name)

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
        return f"{name} {_why_silent(stand, self.migration.old_found)}"

    @property
    def unserved(self) -> str | None:
        """Why the requests reach nobody who answers; None when they do, or that was agreed to."""
        migration, footing = self.migration, self.footing
        is_new = migration.standing is MigrationState.PROMOTED
        side, stand = (migration.new, footing.new) if is_new else (migration.old, footing.old)
        if stand is Stand.ANSWERS or (migration.replaces and stand is Stand.GONE):
            return None
        why = _why_silent(stand, migration.new_found if is_new else migration.old_found)
        return f"{side.name} has the requests of {migration.service} and {why}"

    @property
    def may_bill(self) -> bool:
        """Whether an end that could not be confirmed is in doubt still: `gc` or `down` may have settled it since."""
        lost = self.old if self.migration.spare == self.migration.old else self.new
        return self.migration.state is MigrationState.CLEANUP_FAILED and (lost is None or not lost.state.is_final)

    @property
    def idle(self) -> str | None:
        """Why the new side, which nothing was asked of yet, will not be ready by itself; None when it may."""
        if self.migration.standing not in BEFORE_SHARING or self.new is None:
            return None
        stand = self.footing.new
        found = self.migration.new_found
        return silence(self.new, stand, found) if stand is Stand.SILENT or stand.is_still else None


def standing(session: Session, migration: Migration) -> Standing:
    """Read from the journal and the address files; calls no network."""
    service = session.store.service(migration.service)
    old = life_of(migration.old, migration.service, session.store)
    by = serving(service, session.settings.state_dir) if service else None
    return Standing(
        migration=migration,
        old=old,
        new=new_life(migration, session.store),
        serving=by,
        has_gateway=has_route(gateway_folder(session.settings.state_dir, migration.service)),
        brings_back=_brings_back(session, migration, old) if by is None else None,
        name=name_of(migration, session.store),
    )


def tell_unserved(error: CloudgpuError, now: Standing) -> None:
    """Have the error say so when its failure leaves the service without anybody, with what brings it back."""
    migration, back = now.migration, now.brings_back
    if back is not None:
        error.message = (
            f"nothing serves {migration.service} now: {migration.old.name} went first, and {migration.new.name} did "
            f"not come up: {error.message}"
        )
        error.hint = f"{back}; for another try: {error.hint}" if error.hint else str(back)


def _brings_back(session: Session, migration: Migration, old: Deployment | None) -> WayOn | None:
    """None while something of the service, or of its name, is there or comes up."""
    if old is None or not migration.replaces or migration.state is not MigrationState.ABORTED:
        return None
    if any(migration.service in (each.service, each.name) for each in session.store.deployments()):
        return None
    asked = asked_at_launch(session.settings.state_dir, old.launch_digest) or AskedWords()
    return bringing_back(migration.service, old, asked)


def silences(now: Standing) -> Iterator[str]:
    """What `silence` says of both sides."""
    old_found, new_found = now.migration.old_found, now.migration.new_found
    found = (silence(now.old, now.footing.old, old_found), silence(now.new, now.footing.new, new_found))
    yield from (each for each in found if each)


def silence(life: Deployment | None, stand: Stand, found: str | None) -> str | None:
    """That a side serves nobody, and what it bills all the same; None while it answers, loads, or never was there.

    `found` is what was wrong when it was asked last.
    """
    if life is None or stand is Stand.ANSWERS:
        return None
    if not stand.is_left:
        return f"{life.name} is {'gone' if stand is Stand.GONE else 'being removed'}"
    if stand.is_still:
        return waits(life)
    if stand is Stand.COMING and not life.ready_at:
        return None
    why = _why_silent(stand, found)
    return f"{life.name} {why}, and bills {render.money(life.usd_per_hour_now, 4)} per hour all the same"


def _why_silent(stand: Stand, found: str | None) -> str:
    return found or SILENCE if stand.is_left else "is gone or going"
