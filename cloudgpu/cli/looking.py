"""One look at deployments, at their providers: what `status` shows and what `cost` rests on."""

from collections.abc import Sequence

from cloudgpu.base.errors import CloudgpuError, ProviderError, UnreachableError
from cloudgpu.cli.forgotten_world import forgotten, is_forgotten
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import Deployment, refresh
from cloudgpu.running.deployment.shared_listing import SharedListing

ASLEEP = "the emulator is stopped (cloudgpu emulator start)"


def look_at(session: Session, deployments: Sequence[Deployment]) -> list[tuple[Deployment, CloudgpuError | None]]:
    """Each as its provider shows it now, recorded, and why it could not be seen.

    One that is over is given back as it is. Calls the network, one listing a provider and one for each that it lacks;
    never raises for what a provider does.
    """
    listings: dict[str, SharedListing] = {}
    return [_look_at(session, each, listings) for each in deployments]


def listing_of(session: Session, provider: str, listings: dict[str, SharedListing]) -> SharedListing:
    """That provider's listing among those of one look: all deployments there are looked for in it."""
    if provider not in listings:
        listings[provider] = SharedListing(provider=session.provider(provider), clock=session.clock(provider))
    return listings[provider]


def _look_at(
    session: Session, deployment: Deployment, listings: dict[str, SharedListing]
) -> tuple[Deployment, CloudgpuError | None]:
    if deployment.state.is_final:
        return deployment, None
    if is_forgotten(session, deployment.provider, deployment.account):
        return deployment, forgotten(deployment.name)
    if session.is_asleep(deployment.provider):
        return deployment, UnreachableError(ASLEEP)
    try:
        listing = listing_of(session, deployment.provider, listings)
        tools = (listing.provider, session.store, listing.clock, session.emit)
        now = refresh(deployment, *tools, listing=listing)
    except CloudgpuError as error:
        return deployment, error
    was_shown = now.state.is_unwell and not now.out_of_sight  # what it says of itself is no failure to look
    if was_shown or now.state.is_final or now.last_error is None:
        return now, None
    return now, ProviderError(now.last_error)
