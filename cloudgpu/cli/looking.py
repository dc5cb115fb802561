"""One look at a deployment, at its provider: what `status` shows and what `cost` rests on."""

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import Deployment, refresh

ASLEEP = "the emulator is stopped (cloudgpu emulator start)"


def look_at(session: Session, deployment: Deployment) -> tuple[Deployment, str | None]:
    """The deployment as its provider shows it now, recorded, and why it could not be seen, in one sentence.

    One that is over is given back as it is. Calls the network, once; never raises for what a provider does.
    """
    if deployment.state.is_final:
        return deployment, None
    if session.is_asleep(deployment.provider):
        return deployment, ASLEEP
    try:
        provider, clock = session.provider(deployment.provider), session.clock(deployment.provider)
        now = refresh(deployment, provider, session.store, clock, session.emit)
    except CloudgpuError as error:
        return deployment, error.message
    was_shown = now.state.is_unwell and not now.out_of_sight  # what it says of itself is no failure to look
    return now, None if was_shown or now.state.is_final else now.last_error
