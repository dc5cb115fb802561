"""What answers while no command waits for it: recorded as ready, and handed over as `up` does it."""

from contextlib import ExitStack

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli import render
from cloudgpu.cli.handover import hand_over, is_stranded
from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.entrance import entrance_of
from cloudgpu.running.deployment import Deployment, DeploymentState
from cloudgpu.running.deployment.coming_back import ready_when_it_answers
from cloudgpu.running.deployment.observe import lock_name


def awake(session: Session, deployment: Deployment) -> Deployment:
    """The deployment, ready if it loads and answers now, its service's address on the port that it has now.

    So an `up` that was cut off while it waited is finished by whoever looks next. Calls the endpoint of one that loads
    while no command waits for it; of any other nothing is asked.
    """
    tools = (session.provider(deployment.provider), session.store, session.clock(deployment.provider), session.emit)
    now = ready_when_it_answers(deployment, *tools)
    if now.state is DeploymentState.READY and (
        deployment.state is not DeploymentState.READY or _was_cut_off(session, now)
    ):
        _point_to(session, now)
    return now


def _was_cut_off(session: Session, deployment: Deployment) -> bool:
    return is_stranded(session, deployment) and not session.store.is_locked(lock_name(deployment.name))


def _point_to(session: Session, deployment: Deployment) -> None:
    """A service that another process moves is left to that one."""
    with ExitStack() as held:
        try:
            held.enter_context(session.store.lock(f"service:{deployment.service}", f"handing over {deployment.name}"))
        except ConflictError:
            return
        if session.store.open_migration(deployment.service) is not None:
            # the migration says who is in charge; where a side is reached after a restart, its provider says
            entrance_of(deployment.service, session.store, session.settings.state_dir).follow(deployment)
        elif hand_over(session, deployment):
            path = address.env_path(deployment.service, session.settings.state_dir)
            render.progress(f"{deployment.name} answers: its address is in {path}")
