"""The end of what nobody can be asked about any more, because the account it was rented with is no more."""

from cloudgpu.base.clock import utc_text
from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.observe import turn
from cloudgpu.running.records import Deployment, DeploymentState


def write_off(journal: Journal, deployment: Deployment, why: str) -> Deployment:
    """Record that it is gone since it was last shown. Asks and destroys nothing: only for money that is not real.

    Raises ConflictError while another process works on it.
    """
    with turn(journal, deployment.name, f"down {deployment.name}"):
        shown = deployment.seen_at or deployment.since
        end = Event(
            kind=EventKind.GONE, at=shown, deployment=deployment.name, provider=deployment.provider,
            token=deployment.token, instance_id=deployment.instance_id,
            data={"reason": why, "unchanged_until": utc_text(shown)},
        )  # fmt: skip
        journal.emit(end)
        return journal.save(deployment, state=DeploymentState.GONE, last_error=why)
