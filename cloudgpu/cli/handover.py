"""The last step of making a deployment ready, whoever makes it: its service is pointed at it."""

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, ConflictError, StoreError
from cloudgpu.cli import render
from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.entrance import Shares, entrance_of
from cloudgpu.running.deployment import Deployment
from cloudgpu.running.records import Service


def hand_over(session: Session, deployment: Deployment) -> bool:
    """Point the service at it, unless another living deployment is in charge; True when clients read a new address.

    Writes the address files, or moves the service's gateway. Raises CleanupFailedError, see `answers_nobody`, when they
    or the journal cannot be written, or the gateway cannot be moved.
    """
    try:
        return _handed_over(session, deployment)
    except (ConflictError, StoreError) as error:
        raise answers_nobody(session, deployment, error) from error


def answers_nobody(session: Session, deployment: Deployment, error: CloudgpuError) -> CleanupFailedError:
    """The error for what serves and was not handed over to anybody: what it costs, why, and where it is removed."""
    name, bills = deployment.name, f"{render.money(deployment.usd_per_hour, 4)}/h"
    link = session.provider(deployment.provider).console_url(deployment.instance_id or "")
    return CleanupFailedError(
        f"{name} answers and bills {bills} (instance {deployment.instance_id} at {deployment.provider}), "
        f"but {error.message}",
        hint="mend that and type the same again, nothing new is rented; "
        f"or remove it: cloudgpu down {name}, or at {link}",
        instance_id=deployment.instance_id,
    )


def _handed_over(session: Session, deployment: Deployment) -> bool:
    service = session.store.service(deployment.service)
    if service is None:
        return False
    in_charge = session.store.deployment(service.serving) if service.serving else None
    if in_charge is not None and in_charge.name != deployment.name and not in_charge.state.is_final:
        return False
    moved = entrance_of(service.name, session.store, session.settings.state_dir).share(Shares(in_charge=deployment))
    session.store.save_service(Service(name=service.name, api_key=service.api_key, serving=deployment.name))
    return moved


def is_stranded(session: Session, deployment: Deployment) -> bool:
    """Whether its service has no address and waits for no other: whoever made it ready was cut off before the end."""
    service = session.store.service(deployment.service)
    is_first = service is not None and service.serving in (None, deployment.name)
    return is_first and not address.env_path(deployment.service, session.settings.state_dir).exists()
