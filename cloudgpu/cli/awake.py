"""What came back: ready when its engine answers again, and its address with it."""

from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.entrance import Shares, entrance_of
from cloudgpu.running.deployment import Deployment, DeploymentState
from cloudgpu.running.deployment.coming_back import ready_when_it_answers


def awake(session: Session, deployment: Deployment) -> Deployment:
    """The deployment, ready if it loads and answers now, its address files on the port that it has now.

    Calls the endpoint of one that loads while no command waits for it; of any other nothing is asked.
    """
    tools = (session.provider(deployment.provider), session.store, session.clock(deployment.provider), session.emit)
    now = ready_when_it_answers(deployment, *tools)
    if now.state is DeploymentState.READY and deployment.state is not DeploymentState.READY:
        _point_to(session, now)
    return now


def _point_to(session: Session, deployment: Deployment) -> None:
    """A port may be another one after a restart. Files that name another deployment, or a gateway, are left as is."""
    published = address.read(deployment.service, session.settings.state_dir)
    if published is None or published.deployment != deployment.name:
        return
    entrance = entrance_of(deployment.service, session.store, session.settings.state_dir)
    if not entrance.can_share:
        entrance.share(Shares(in_charge=deployment))
