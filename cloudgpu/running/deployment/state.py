"""The life of a deployment as a pure function: what is recorded of it and what was seen, to what comes next.

How absence is proved. One answer never proves that an instance is gone: a retired endpoint, a key of another account
and a replica that lags all answer "none". What counts as `Absent` is gathered by `observe.look`: a listing whose totals
agree, a single read that clearly says none (when the id is known), and a key of the account that rented it. Then:

* a create that may have happened (`creating`, `uncertain`) is given up after two such looks, `APART` from each other,
  the second not before `SETTLED` after the create was sent;
* an instance whose end we asked for is gone at the first such look, even when the listing is empty: the account's last
  instance leaves an empty listing behind, and the request to destroy it was our own;
* an instance whose end nobody asked for is gone only after two such looks, `APART` from each other, in listings that
  show something else. An empty listing while the journal says that something lives is an error: `down` settles it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloudgpu.running.providers.base import InstanceState, InstanceView
from cloudgpu.running.records import Deployment, DeploymentState

APART = timedelta(seconds=45)
SETTLED = timedelta(seconds=120)


class Action(StrEnum):
    """What has to be done about it."""

    NONE = "none"
    LOOK_AGAIN = "look_again"
    ADOPT = "adopt"
    OBSERVE = "observe"
    DESTROY = "destroy"
    ABANDON = "abandon"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Seen:
    """The provider shows it."""

    view: InstanceView


@dataclass(frozen=True, slots=True)
class Absent:
    """A complete listing, and a read of its own where the id is known, lack it. `others` says what else was listed."""

    at: datetime
    others: int


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nothing that can be relied on was learned."""

    reason: str


Sighting = Seen | Absent | Unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next state and what to do. `missing_since` and `note` replace what the deployment holds."""

    state: DeploymentState
    action: Action
    missing_since: datetime | None = None
    note: str | None = None


_UNSENT = (DeploymentState.INTENDED,)
_MAYBE = (DeploymentState.CREATING, DeploymentState.UNCERTAIN)
_ENDING = (DeploymentState.DESTROYING, DeploymentState.CLEANUP_FAILED)


def step(deployment: Deployment, sighting: Sighting) -> Step:
    """What follows for this deployment from this sighting. Pure: no clock, no network."""
    if deployment.state.is_final:
        return Step(state=deployment.state, action=Action.NONE)
    match sighting:
        case Seen(view):
            return _seen(deployment, view)
        case Absent():
            return _absent(deployment, sighting)
        case Unsure(reason):
            return _unsure(deployment, reason)


def state_of(deployment: Deployment, view: InstanceView) -> DeploymentState:
    """The state that an instance's own state means for a deployment that is neither ending nor draining."""
    match view.state:
        case InstanceState.PROVISIONING:
            return DeploymentState.PROVISIONING
        case InstanceState.STARTING:
            return DeploymentState.STARTING
        case InstanceState.RUNNING:
            return DeploymentState.READY if deployment.ready_at else DeploymentState.LOADING
        case InstanceState.STOPPED | InstanceState.FAILED | InstanceState.OFFLINE:
            return DeploymentState.FAILED


def _seen(deployment: Deployment, view: InstanceView) -> Step:
    if deployment.state in _ENDING:
        return Step(state=deployment.state, action=Action.DESTROY, note=deployment.last_error)
    if deployment.state is DeploymentState.DRAINING:
        return Step(state=deployment.state, action=Action.OBSERVE)
    state = state_of(deployment, view)
    note = f"{view.state}: {view.detail}".rstrip(": ") if state is DeploymentState.FAILED else None
    adopt = deployment.instance_id is None
    return Step(state=state, action=Action.ADOPT if adopt else Action.OBSERVE, note=note)


def _absent(deployment: Deployment, absent: Absent) -> Step:
    if deployment.state in _UNSENT:
        return Step(state=DeploymentState.ABANDONED, action=Action.ABANDON, note="it was never asked for")
    if deployment.state in _MAYBE and deployment.instance_id is None:
        return _absent_create(deployment, absent)
    if deployment.state in _ENDING:
        return Step(state=DeploymentState.GONE, action=Action.CLOSE)
    return _absent_unasked(deployment, absent)


def _absent_create(deployment: Deployment, absent: Absent) -> Step:
    if _twice(deployment, absent):
        note = "two complete listings, apart in time, lack it"
        return Step(state=DeploymentState.ABANDONED, action=Action.ABANDON, note=note)
    return Step(
        state=DeploymentState.UNCERTAIN,
        action=Action.LOOK_AGAIN,
        missing_since=deployment.missing_since or absent.at,
        note="the create had no readable answer; a first complete listing lacks it",
    )


def _absent_unasked(deployment: Deployment, absent: Absent) -> Step:
    if not absent.others:
        note = "the provider lists nothing at all, though this is recorded as alive: not taken for gone"
        return Step(state=deployment.state, action=Action.LOOK_AGAIN, note=note)
    if _twice(deployment, absent):
        note = "removed outside cloudgpu: two complete listings, apart in time, lack it"
        return Step(state=DeploymentState.GONE, action=Action.CLOSE, note=note)
    return Step(
        state=deployment.state,
        action=Action.LOOK_AGAIN,
        missing_since=deployment.missing_since or absent.at,
        note="a first complete listing lacks it; look again in a minute",
    )


def _twice(deployment: Deployment, absent: Absent) -> bool:
    first = deployment.missing_since
    return first is not None and absent.at - first >= APART and absent.at - deployment.since >= SETTLED


def _unsure(deployment: Deployment, reason: str) -> Step:
    state = DeploymentState.UNCERTAIN if deployment.state is DeploymentState.CREATING else deployment.state
    return Step(state=state, action=Action.LOOK_AGAIN, missing_since=deployment.missing_since, note=reason)
