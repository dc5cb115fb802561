"""Settles a create that may or may not have happened: looks for its token until it is found, or provably never came."""

import dataclasses

from cloudgpu.base.errors import NotAuthorisedError
from cloudgpu.base.events import EventKind
from cloudgpu.base.money import ZERO
from cloudgpu.running.deployment.journal import Journal, unsettled
from cloudgpu.running.deployment.observe import apply, look
from cloudgpu.running.deployment.request import Progress
from cloudgpu.running.records import Deployment, DeploymentState

_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 30.0
_GIVE_UP_S = 900.0


def settle(journal: Journal, deployment: Deployment) -> Deployment:
    """The deployment once it is known what became of its create: adopted, or abandoned.

    Waits up to a quarter of an hour on the provider's clock. Raises CleanupFailedError, leaving it uncertain, when the
    provider cannot be relied on for that long or refuses the key.
    """
    if deployment.state is DeploymentState.INTENDED:
        return _never_sent(journal, deployment)
    deployment = dataclasses.replace(deployment, missing_since=None)  # both looks of the proof are ours
    began, wait_s = journal.now(), _FIRST_WAIT_S
    while deployment.state.is_in_doubt:
        elapsed_s = (journal.now() - began).total_seconds()
        journal.on_progress(
            Progress(phase="looking up", detail="was it rented? " + deployment.token, elapsed_s=elapsed_s, usd=ZERO)
        )
        deployment = _look_once(journal, deployment)
        if elapsed_s >= _GIVE_UP_S and deployment.state.is_in_doubt:
            raise _unknown(journal, deployment, deployment.last_error or "it could not be looked up")
        if deployment.state.is_in_doubt:
            journal.clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
    return deployment


def _never_sent(journal: Journal, deployment: Deployment) -> Deployment:
    """`creating` is saved before a create is sent, so an intent by itself rented nothing: no need to ask anybody."""
    reason = "stopped before it was asked for"
    journal.tell(EventKind.ABANDONED, deployment, reason=reason)
    return journal.save(deployment, state=DeploymentState.ABANDONED, last_error=reason)


def _look_once(journal: Journal, deployment: Deployment) -> Deployment:
    try:
        return apply(journal, deployment, look(journal, deployment))
    except NotAuthorisedError as error:
        raise _unknown(journal, deployment, error.message) from error


def _unknown(journal: Journal, deployment: Deployment, reason: str) -> Exception:
    return unsettled(deployment, reason, journal.provider.console_url(""))
