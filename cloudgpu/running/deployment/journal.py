"""Where the acts of a deployment meet what is recorded of it: the event first, then the row."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudgpu.base.clock import Clock, steady
from cloudgpu.base.errors import CleanupFailedError
from cloudgpu.base.events import Emit, Event, EventKind
from cloudgpu.running.deployment.request import OnProgress
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store


def silent(_progress: object) -> None:
    """For callers that watch nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One provider, its clock, the store and the road for events, held together for the length of a command.

    An event goes out before the row that follows from it is saved: after a kill between the two, the row is the older
    one, the next look repeats the step, and the fold over the events takes the repetition for what it is.

    Its clock is made steady: within a command, no correction of the machine's time moves a deadline or a proof.
    """

    provider: Provider
    store: Store
    clock: Clock
    emit: Emit
    on_progress: OnProgress = silent

    def __post_init__(self) -> None:
        object.__setattr__(self, "clock", steady(self.clock))

    def now(self) -> datetime:
        """The time on the provider's clock."""
        return self.clock.now()

    def tell(self, kind: EventKind, deployment: Deployment, **data: Any) -> None:  # noqa: ANN401  (JSON values)
        """Emit one event about a deployment."""
        event = Event(
            kind=kind, at=self.now(), deployment=deployment.name, provider=deployment.provider,
            token=deployment.token, instance_id=deployment.instance_id, data=data,
        )  # fmt: skip
        self.emit(event)

    def save(self, deployment: Deployment, **changes: Any) -> Deployment:  # noqa: ANN401  (its fields)
        """Keep the deployment with these fields changed, and give it back."""
        changed = dataclasses.replace(deployment, **changes)
        self.store.save_deployment(changed)
        return changed

    def cleanup_failed(self, deployment: Deployment, reason: str) -> CleanupFailedError:
        """Record that its end could not be confirmed, and make the error that says so.

        Whatever was answered to the requests so far, it did not end it: only an answer to a later one counts.
        """
        link = self.provider.console_url(deployment.instance_id or "")
        self.tell(EventKind.CLEANUP_FAILED, deployment, reason=reason, console_url=link)
        self.save(deployment, state=DeploymentState.CLEANUP_FAILED, last_error=reason, destroy_answer=None)
        return unsettled(deployment, reason, link)


def unsettled(deployment: Deployment, reason: str, link: str) -> CleanupFailedError:
    """The error for something that may still bill: names it, why nobody can vouch for its end, and where to look."""
    what = (
        f"instance {deployment.instance_id}" if deployment.instance_id else f"an instance labelled {deployment.token}"
    )
    return CleanupFailedError(
        f"{deployment.name}: {what} may still bill at {deployment.provider}: {reason}",
        hint=f"look at {link} and remove it there, or run: cloudgpu down {deployment.name}",
        instance_id=deployment.instance_id,
    )
