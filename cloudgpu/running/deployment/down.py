"""The end of a deployment: asked for as often as it takes, and believed only when it was read back."""

import contextlib
from datetime import timedelta

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError, NotAuthorisedError
from cloudgpu.base.events import Emit, EventKind
from cloudgpu.running.deployment.bill import read_bill
from cloudgpu.running.deployment.journal import Journal, silent, unsettled
from cloudgpu.running.deployment.lookup import settle
from cloudgpu.running.deployment.observe import apply, lock_name, look
from cloudgpu.running.deployment.request import OnProgress, Progress
from cloudgpu.running.deployment.spending import spent_usd
from cloudgpu.running.deployment.state import SETTLED, Absent
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store

_VERIFY = timedelta(seconds=180)
_POLL_S = 5.0
_UNASKED = (DeploymentState.INTENDED, DeploymentState.CREATING, DeploymentState.UNCERTAIN)


def take_down(
    deployment: Deployment,
    *,
    provider: Provider,
    store: Store,
    clock: Clock,
    emit: Emit,
    on_progress: OnProgress = silent,
) -> Deployment:
    """Destroy it and prove that it is gone; done already is done. Reads the bill afterwards.

    Raises CleanupFailedError (exit 6) when its end cannot be proved within three minutes of the provider's clock, or at
    Ctrl-C meanwhile; ConflictError while another process works on it.
    """
    journal = Journal(provider=provider, store=store, clock=clock, emit=emit, on_progress=on_progress)
    with store.lock(lock_name(deployment.name), f"down {deployment.name}"):
        return end(journal, store.life(deployment.token) or deployment)


def end(journal: Journal, deployment: Deployment) -> Deployment:
    """`take_down` for a caller that holds the lock already."""
    try:
        if deployment.state in _UNASKED and deployment.instance_id is None:
            deployment = settle(journal, deployment)
        if deployment.state.is_final:
            return deployment
        return _destroy(journal, deployment)
    except KeyboardInterrupt:
        latest = journal.store.life(deployment.token) or deployment
        link = journal.provider.console_url(latest.instance_id or "")
        raise unsettled(latest, "stopped before its end was confirmed", link) from None


def _destroy(journal: Journal, deployment: Deployment) -> Deployment:
    journal.tell(EventKind.DESTROY_REQUESTED, deployment)
    deployment = journal.save(deployment, state=DeploymentState.DESTROYING, missing_since=None)
    began = journal.now()
    while True:
        elapsed = journal.now() - began
        detail = f"instance {deployment.instance_id} at {deployment.provider}"
        journal.on_progress(
            Progress(
                phase="destroying",
                detail=detail,
                elapsed_s=elapsed.total_seconds(),
                usd=spent_usd(deployment, journal.now()),
            )
        )
        reason = _ask(journal, deployment) or _read_back(journal, deployment)
        if reason is None:
            return _closed(journal, deployment)
        if elapsed >= _VERIFY:
            raise journal.cleanup_failed(deployment, reason)
        journal.clock.sleep(_POLL_S)


def _ask(journal: Journal, deployment: Deployment) -> str | None:
    """Send the destroy; why it could not be, None when it was taken or there is nothing left to destroy.

    A provider may not know an instance yet that it has just made: within two minutes of its create, its word that there
    is none counts for nothing.
    """
    try:
        taken = journal.provider.destroy(deployment.instance_id or "")
    except NotAuthorisedError as error:
        raise journal.cleanup_failed(deployment, error.message) from error
    except CloudgpuError as error:
        return error.message
    if taken is False and journal.now() - deployment.since < SETTLED:
        return "the provider says that it has none of that id, too soon after its create to be believed"
    return None


def _read_back(journal: Journal, deployment: Deployment) -> str | None:
    """Why it cannot be taken for gone; None when a complete listing and a read of its own lack it."""
    try:
        sighting = look(journal, deployment)
    except NotAuthorisedError as error:
        raise journal.cleanup_failed(deployment, error.message) from error
    if isinstance(sighting, Absent):
        apply(journal, deployment, sighting)
        return None
    return getattr(sighting, "reason", "the provider still shows it after it was told to destroy it")


def _closed(journal: Journal, deployment: Deployment) -> Deployment:
    gone = journal.store.life(deployment.token) or deployment
    with contextlib.suppress(CloudgpuError):  # it can be read later as well; the instance is gone, as was asked for
        read_bill(gone, journal.provider, journal.emit, journal.clock)
    return gone
