"""The one act that spends money: intent first, then a create that is sent once, then finding out what became of it."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

from cloudgpu.base.errors import (
    CloudgpuError,
    CreateRefusedError,
    InvalidRequestError,
    NoCreditError,
    NotAuthorisedError,
    OfferGoneError,
)
from cloudgpu.base.events import EventKind
from cloudgpu.base.money import exact_text
from cloudgpu.planning.offers.offer import card
from cloudgpu.running.account import first_name
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.lookup import settle
from cloudgpu.running.deployment.request import Rental, UpRequest
from cloudgpu.running.label import new_token
from cloudgpu.running.records import Deployment, DeploymentState

_CLEAR_NO = (OfferGoneError, NoCreditError, NotAuthorisedError, InvalidRequestError)
"""Answers to a create that say, in words we know, that nothing was rented."""


def intend(journal: Journal, request: UpRequest, rental: Rental, cap_usd_per_hour: Decimal) -> Deployment:
    """Write down what is about to be rented, and how dear it may be, under a token never used. Rents nothing."""
    now = journal.now()
    lease_until = now + timedelta(seconds=request.limits.lease_s)
    offer = rental.offer
    deployment = Deployment(
        name=request.name,
        service=request.service,
        token=new_token(journal.store.store_id, request.name, lease_until),
        provider=journal.provider.name,
        account=journal.provider.account(),
        model=request.model,
        short_name=request.short_name,
        plan_id=request.plan_id,
        gpu=offer.gpu,
        gpu_count=offer.gpu_count,
        gpu_memory_mib=offer.gpu_memory_mib,
        disk_gb=rental.launch.disk_gb,
        offer_id=offer.offer_id,
        machine_id=offer.machine_id,
        location=offer.location,
        state=DeploymentState.INTENDED,
        gpu_usd_per_hour=rental.gpu_usd_per_hour,
        disk_usd_per_hour=rental.disk_usd_per_hour,
        download_usd=rental.download_usd,
        since=now,
        lease_until=lease_until,
        health=rental.launch.health,
        agreed_usd_per_hour=cap_usd_per_hour,
        launch_digest=rental.launch_digest,
        wish=request.wish,
        ends_by_itself=request.limits.ends_by_itself,
        idle_stop_s=request.limits.idle_stop_s,
        dead_man_s=request.limits.dead_man_s,
        api_key=request.api_key,
    )
    journal.tell(EventKind.INTENDED, deployment, **_intent(deployment))
    return journal.save(deployment)


def create(journal: Journal, deployment: Deployment, rental: Rental) -> Deployment:
    """Rent it. SPENDS MONEY. The deployment with its instance id; sent once, whatever comes back.

    The caller saved it as `creating`: from then on it may exist. Raises OfferGoneError, NoCreditError,
    NotAuthorisedError, InvalidRequestError or CreateRefusedError when nothing was rented; CreateRefusedError with an id
    when an instance exists all the same (it is recorded, the caller destroys it); CleanupFailedError when nobody can
    say; StoreError, with the id when there is one, when the journal fails.
    """
    try:
        instance_id = journal.provider.create(rental.offer, rental.launch, deployment.token)
    except _CLEAR_NO as error:
        _abandon(journal, deployment, error)
        raise
    except CreateRefusedError as error:
        if error.instance_id:
            _created(journal, deployment, error.instance_id)
        else:
            _abandon(journal, deployment, error)
        raise
    except CloudgpuError as error:
        return _look_it_up(journal, deployment, error)
    return _created(journal, deployment, instance_id)


def _created(journal: Journal, deployment: Deployment, instance_id: str) -> Deployment:
    """Write the id down. Nobody else knows it now: a Ctrl-C waits until it is on disk."""
    named = dataclasses.replace(deployment, instance_id=instance_id)
    try:
        return _written(journal, named)
    except KeyboardInterrupt:
        _written(journal, named)
        raise
    except CloudgpuError as error:
        error.instance_id = instance_id
        raise


def _written(journal: Journal, named: Deployment) -> Deployment:
    journal.tell(EventKind.CREATED, named)
    return journal.save(named, state=DeploymentState.PROVISIONING)


def _abandon(journal: Journal, deployment: Deployment, error: CloudgpuError) -> None:
    journal.tell(EventKind.ABANDONED, deployment, reason=error.message)
    journal.save(deployment, state=DeploymentState.ABANDONED, last_error=error.message)


def _look_it_up(journal: Journal, deployment: Deployment, error: CloudgpuError) -> Deployment:
    journal.tell(EventKind.UNCERTAIN, deployment, reason=error.message)
    deployment = journal.save(deployment, state=DeploymentState.UNCERTAIN, last_error=error.message)
    settled = settle(journal, deployment)
    if settled.state.is_final:
        raise CreateRefusedError(f"{error.message}; it is proved that nothing was rented", hint=error.hint) from error
    return settled


def _intent(deployment: Deployment) -> dict[str, object]:
    return {
        "token": deployment.token,
        "model": deployment.model,
        "gpu": card(deployment.gpu, deployment.gpu_memory_mib),
        "gpu_count": deployment.gpu_count,
        "disk_gb": deployment.disk_gb,
        "offer_id": deployment.offer_id,
        "machine_id": deployment.machine_id,
        "gpu_usd_per_hour": exact_text(deployment.gpu_usd_per_hour),
        "disk_usd_per_hour": exact_text(deployment.disk_usd_per_hour),
        "download_usd": exact_text(deployment.download_usd),
        "plan_id": deployment.plan_id,
        "account": first_name(deployment.account),
        "location": deployment.location,
    }
