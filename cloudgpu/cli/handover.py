"""The last step of making a deployment ready, whoever makes it: its service is pointed at it."""

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli import render
from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.entrance import Shares, entrance_of
from cloudgpu.running.deployment import Deployment
from cloudgpu.running.records import Service


def hand_over(session: Session, deployment: Deployment) -> bool:
    """Point the service at it, unless another living deployment is in charge; True when clients read a new address.

    Writes the address files, or moves the service's gateway. Raises ConflictError, with the price of what answers for
    nobody, when they cannot be written, and as a gateway does.
    """
    service = session.store.service(deployment.service)
    if service is None:
        return False
    in_charge = session.store.deployment(service.serving) if service.serving else None
    if in_charge is not None and in_charge.name != deployment.name and not in_charge.state.is_final:
        return False
    try:
        moved = entrance_of(service.name, session.store, session.settings.state_dir).share(Shares(in_charge=deployment))
    except ConflictError as error:
        raise ConflictError(
            f"{deployment.name} answers and bills {render.money(deployment.usd_per_hour, 4)}/h, but {error.message}",
            hint=f"mend that and type the same again, nothing new is rented; or: cloudgpu down {deployment.name}",
            instance_id=deployment.instance_id,
        ) from error
    session.store.save_service(Service(name=service.name, api_key=service.api_key, serving=deployment.name))
    return moved


def is_stranded(session: Session, deployment: Deployment) -> bool:
    """Whether its service has no address and waits for no other: whoever made it ready was cut off before the end."""
    service = session.store.service(deployment.service)
    is_first = service is not None and service.serving in (None, deployment.name)
    return is_first and not address.env_path(deployment.service, session.settings.state_dir).exists()
