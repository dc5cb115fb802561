"""Which deployment a name on the command line means."""

from cloudgpu.base.errors import NotFoundError
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import Deployment


def the_deployment(session: Session, name: str) -> Deployment:
    """The one of that name that is not gone. Raises NotFoundError with the names there are."""
    found = session.store.deployment(name)
    if found is not None and not found.state.is_final:
        return found
    living = ", ".join(each.name for each in session.store.deployments())
    gone = f"{name} is gone already" if found else f"there is no deployment named {name}"
    raise NotFoundError(gone, hint=f"alive: {living}" if living else "nothing is rented: cloudgpu status --all")
