"""One look at everything that may bill, wherever it may be: what `gc` shows once and `watch` goes on looking at.

Settles what an interrupted command left, finds what nothing wants, and ends what was asked to end by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloudgpu.base.errors import CloudgpuError, ConflictError, MissingKeyError, UnreachableError
from cloudgpu.cli import render
from cloudgpu.cli.awake import awake
from cloudgpu.cli.forgotten_world import forgotten, is_forgotten
from cloudgpu.cli.looking import ASLEEP, listing_of
from cloudgpu.cli.markets import has_key
from cloudgpu.cli.session import EMULATED, OWN, Session
from cloudgpu.moving.life import open_migration_of
from cloudgpu.running.deployment import Deployment, refresh, take_down
from cloudgpu.running.deployment.lease import ends_now
from cloudgpu.running.deployment.settle import settle_left_behind
from cloudgpu.running.deployment.shared_listing import SharedListing
from cloudgpu.running.deployment.vitals import take_vitals
from cloudgpu.running.sweep import Finding, sweep

_MOST_SKEW_S = 300.0
"""A machine whose time differs more than this from the provider's ends nothing by the clock."""


@dataclass(slots=True)
class Found:
    """What one look found: deployments as they are now, instances that stand out, and what could not be looked at.

    `looked_at` are the providers that answered with a complete listing.
    """

    deployments: list[Deployment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: list[CloudgpuError] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)


def look_everywhere(session: Session, providers: Sequence[str], *, vitals: bool = False) -> Found:
    """Look, settle, and sweep. Destroys nothing that was not being destroyed already. Calls the network.

    With `vitals` every engine is asked whether it answers; else only those that end after so long without work.
    Where there is nobody to ask, that is the failure.
    """
    found = Found()
    places = providers or _where_to_look(session)
    if not places:
        found.failures.append(_nobody())
    for name in places:
        if session.is_asleep(name):
            found.deployments += [each for each in session.store.deployments() if each.provider == name]
            found.failures.append(UnreachableError(ASLEEP))
            continue
        _settle(session, name, found, vitals=vitals)
        try:
            found.findings += sweep(session.provider(name), session.store, session.clock(name).now())
            found.looked_at.append(name)
        except CloudgpuError as error:
            found.failures.append(error)
    return found


def end_what_asked_for_it(session: Session, found: Found) -> list[tuple[Deployment, str]]:
    """Remove what was rented with an end that has come; each with why. No side of an open migration is touched.

    Nothing ends by a clock that differs by minutes from the provider's.
    """
    ended = []
    for each in found.deployments:
        clock = session.clock(each.provider)
        why = ends_now(each, clock.now())
        if why is None or is_migrating(session, each):
            continue
        try:
            check_clock(session, each.provider)
            provider = session.provider(each.provider)
            take_down(each, provider=provider, store=session.store, clock=clock, emit=session.emit)
            ended.append((each, why))
        except CloudgpuError as error:
            found.failures.append(error)
    return ended


def check_clock(session: Session, provider: str) -> None:
    """Raise ConflictError where this machine's time is minutes off the provider's: nothing is ended by such a clock.

    For whoever ends something because of the time, after a look at that provider: it rests on the last answer.
    """
    ahead_s = session.provider(provider).headroom().clock_ahead_s
    if provider not in EMULATED and ahead_s is not None and abs(ahead_s) > _MOST_SKEW_S:
        raise ConflictError(
            f"this machine's clock is {render.duration(abs(ahead_s))} off {provider}'s: no lease is ended by it",
            hint="set the clock right",
        )


def is_migrating(session: Session, deployment: Deployment) -> bool:
    """Whether it is a side of an open migration: only the migration's own verbs end those."""
    return open_migration_of(deployment, session.store) is not None


def _where_to_look(session: Session) -> tuple[str, ...]:
    """Wherever the journal has something alive, with or without a key, and wherever there is an account.

    Not where the journal says that something ran: one that was restored has forgotten. An emulator that runs is two
    accounts. A machine of one's own is none: it is looked at once something ran there.
    """
    alive = {each.provider for each in session.store.deployments()}
    used = {each.provider for each in session.store.deployments(include_gone=True)}
    with_a_key = {name for name in ("vast", "runpod") if has_key(session, name)}
    emulator = set(EMULATED) if session.emulator_runs() else set()
    return tuple(sorted(alive | with_a_key | emulator | (used & {OWN})))


def _nobody() -> MissingKeyError:
    return MissingKeyError(
        "nobody was asked what bills: there is no key for vast or runpod, and no emulator runs",
        hint="set VAST_API_KEY or RUNPOD_API_KEY; where a rehearsal was stopped: cloudgpu emulator start",
    )


def _settle(session: Session, provider: str, found: Found, *, vitals: bool) -> None:
    """What became of the deployments there; one that resists does not keep the others from being looked at.

    All are looked at before any engine is asked: one listing shows them.
    """
    there = [each for each in session.store.deployments() if each.provider == provider]
    listings: dict[str, SharedListing] = {}
    for each in [now for each in there if (now := _looked_at(session, each, listings, found)) is not None]:
        try:
            now = awake(session, each)
            asked = vitals or now.idle_stop_s is not None
            tools = (session.store, session.clock(provider), session.emit)
            found.deployments.append(take_vitals(now, *tools) if asked else now)
        except CloudgpuError as error:
            found.failures.append(error)


def _looked_at(
    session: Session, each: Deployment, listings: dict[str, SharedListing], found: Found
) -> Deployment | None:
    """As it is now, settled; None when that could not be told, which is said."""
    if is_forgotten(session, each.provider, each.account):
        found.failures.append(forgotten(each.name))
        return None
    try:
        listing = listing_of(session, each.provider, listings)
        tools = (listing.provider, session.store, listing.clock, session.emit)
        if each.state.is_unsettled:
            return settle_left_behind(each, *tools)
        return refresh(each, *tools, listing=listing)
    except ConflictError as error:
        render.progress(f"{each.name} is left alone: {error.message}")
    except CloudgpuError as error:
        found.failures.append(error)
    return None
