"""The end of a deployment: asked for as often as it takes, and believed only when it was read back."""

import contextlib
import dataclasses

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, NotAuthorisedError, StoreError
from cloudgpu.base.events import Emit, EventKind
from cloudgpu.running.deployment.bill import read_bill_at_the_end
from cloudgpu.running.deployment.journal import Journal, silent, unsettled
from cloudgpu.running.deployment.lookup import settle
from cloudgpu.running.deployment.observe import apply, check_provider, look, turn
from cloudgpu.running.deployment.request import OnProgress, Progress
from cloudgpu.running.deployment.spending import spent_usd
from cloudgpu.running.deployment.state import Seen
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment, DeploymentState, DestroyAnswer
from cloudgpu.running.store import Store

_VERIFY_S = 180.0
_POLL_S = 5.0


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

    Raises CleanupFailedError (exit 6) when its end cannot be proved within three minutes of the provider's clock,
    whatever went wrong meanwhile, Ctrl-C included; ConflictError while another process works on it.
    """
    journal = Journal(provider=provider, store=store, clock=clock, emit=emit, on_progress=on_progress)
    with turn(journal, deployment.name, f"down {deployment.name}"):
        return end(journal, store.life(deployment.token) or deployment)


def end(journal: Journal, deployment: Deployment) -> Deployment:
    """`take_down` for a caller that holds the lock already."""
    try:
        return carry_out(journal, deployment)
    except KeyboardInterrupt:
        latest = latest_of(journal, deployment)
        if latest.state.is_final or latest.state is DeploymentState.INTENDED:
            raise  # its end is proved, or it was never asked for
        link = journal.provider.console_url(latest.instance_id or "")
        raise unsettled(latest, "stopped before its end was confirmed", link) from None


def carry_out(journal: Journal, deployment: Deployment) -> Deployment:
    """`end` for a caller that says itself what a Ctrl-C leaves behind."""
    check_provider(journal, deployment)
    try:
        if deployment.instance_id is None and not deployment.state.is_final:
            deployment = settle(journal, deployment)
        if deployment.state.is_final:
            return deployment
        return _destroy(journal, deployment)
    except CleanupFailedError:
        raise
    except Exception as error:  # whatever it was: the instance may bill on, and that is what has to be said
        if deployment.state is DeploymentState.INTENDED:
            raise  # it was never asked for
        raise _cut_short(journal, deployment, error) from error


def latest_of(journal: Journal, deployment: Deployment) -> Deployment:
    """What the journal holds of it, where the journal can be read, with the id that is known here."""
    with contextlib.suppress(Exception):
        found = journal.store.life(deployment.token) or deployment
        return dataclasses.replace(found, instance_id=found.instance_id or deployment.instance_id)
    return deployment


def ask_to_end(journal: Journal, deployment: Deployment) -> Deployment:
    """Send the destroy once, recorded before: a beginning that proves nothing. Raises as the provider does."""
    deployment, _ = _ask(journal, _requested(journal, deployment))
    return deployment


def _destroy(journal: Journal, deployment: Deployment) -> Deployment:
    deployment = _requested(journal, deployment)
    if deployment.seen is None:
        deployment, _ = _read_back(journal, deployment)  # an end is proved sooner of what was shown once
    began = journal.now()
    while True:
        elapsed_s = (journal.now() - began).total_seconds()
        detail = f"instance {deployment.instance_id} at {deployment.provider}"
        usd = spent_usd(deployment, journal.now())
        journal.on_progress(Progress(phase="destroying", detail=detail, elapsed_s=elapsed_s, usd=usd))
        deployment, refusal = _ask(journal, deployment)
        deployment, doubt = _read_back(journal, deployment)
        if deployment.state.is_final:
            return _closed(journal, deployment)
        if elapsed_s >= _VERIFY_S:
            raise journal.cleanup_failed(deployment, refusal or doubt)
        journal.clock.sleep(_POLL_S)


def _requested(journal: Journal, deployment: Deployment) -> Deployment:
    journal.tell(EventKind.DESTROY_REQUESTED, deployment)
    return journal.save(deployment, state=DeploymentState.DESTROYING, missing_since=None)


def _ask(journal: Journal, deployment: Deployment) -> tuple[Deployment, str | None]:
    """Send the destroy and keep what was answered; why it was not taken, None when it was."""
    try:
        taken = journal.provider.destroy(deployment.instance_id or "")
    except NotAuthorisedError as error:
        raise journal.cleanup_failed(deployment, error.message) from error
    except CloudgpuError as error:
        return deployment, error.message
    if taken or deployment.destroy_answer is DestroyAnswer.ACCEPTED:
        return journal.save(deployment, destroy_answer=DestroyAnswer.ACCEPTED), None
    return journal.save(deployment, destroy_answer=DestroyAnswer.UNKNOWN_ID), None


def _read_back(journal: Journal, deployment: Deployment) -> tuple[Deployment, str]:
    """The deployment after a look, and why it cannot be taken for gone should it not be final."""
    try:
        sighting = look(journal, deployment)
    except NotAuthorisedError as error:
        raise journal.cleanup_failed(deployment, error.message) from error
    deployment = apply(journal, deployment, sighting)
    if isinstance(sighting, Seen):
        return deployment, "the provider still shows it after it was told to destroy it"
    return deployment, deployment.last_error or "its end could not be confirmed"


def _cut_short(journal: Journal, deployment: Deployment, error: Exception) -> CleanupFailedError:
    """Record that its end was cut short. When it is the journal that fails, ask once more for the end: it may cost."""
    latest = latest_of(journal, deployment)
    reason = error.message if isinstance(error, CloudgpuError) else f"its end was cut short ({error!r})"
    if latest.instance_id and isinstance(error, StoreError):
        with contextlib.suppress(Exception):
            journal.provider.destroy(latest.instance_id)
    if latest.instance_id:
        with contextlib.suppress(Exception):
            return journal.cleanup_failed(latest, reason)
    return unsettled(latest, reason, journal.provider.console_url(latest.instance_id or ""))


def _closed(journal: Journal, deployment: Deployment) -> Deployment:
    gone = journal.store.life(deployment.token) or deployment
    read_bill_at_the_end(gone, journal.provider, journal.emit, journal.clock)
    return gone
