"""The life of a deployment as a pure function: what is recorded of it and what was seen, to what comes next.

How absence is proved. One answer never proves that an instance is gone: a retired endpoint, a key of another account
and a replica that lags all answer "none". What counts as `Absent` is gathered by `observe.look`: a listing whose totals
agree, a single read that clearly says none (when the id is known), and a key of the account that rented it. Then:

* a create that may have happened (`creating`, `uncertain`) is given up after two such looks, `APART` from each other,
  the second not before `SETTLED` after the create was sent; where nothing at all is listed, not before `BILLED`: an
  empty listing may be a broken one, and the bill, which `look` then asks too, takes minutes to tell;
* an instance whose end we asked for is gone at the first such look, even when the listing is empty (the account's last
  instance leaves an empty listing behind), when two things are known of it: the provider accepted the request to
  destroy it, and the provider once showed it. What was never shown may not be visible yet, and a request that was
  never accepted ended nothing: then it takes two such looks as for a create. When no request was ever answered, not
  even by "none of that id", they must show something else;
* an instance whose end nobody asked for is gone only after two such looks, `APART` from each other, in listings that
  show something else. An empty listing while the journal says that something lives is an error, unless the account's
  bill, kept by other hands, proves the end: it reached the time at which the instance was last shown, ended `BILLED`
  ago or earlier, and at the same moment at two looks, `APART`. Else `down` settles it.

Within one command times are those of a clock that nobody can set, and what an earlier command saw is no first look for
`up`, `down` and `gc`: both looks are their own. Only `status`, which looks once, counts from a look of an earlier
command, by the machine's time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloudgpu.running.providers.base import InstanceState, InstanceView
from cloudgpu.running.records import Deployment, DeploymentState, DestroyAnswer

APART = timedelta(seconds=45)
SETTLED = timedelta(seconds=120)
BILLED = timedelta(seconds=360)
"""After this the account's bill names what was rented: RunPod settles every five minutes, Vast.ai sooner."""


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
    """A complete listing, and a read of its own where the id is known, lack it. `others` says what else was listed.

    `billed_until` is how far its bill reaches, where nothing at all is listed; None: not asked, or it tells nothing.
    """

    at: datetime
    others: int
    billed_until: datetime | None = None


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
    """The state that an instance's own state means for a deployment that is neither ending nor draining.

    One that runs is ready while it was ready at the last look, at the same address. One that comes back, or is reached
    elsewhere because it was started anew between two looks, loads its engine: it is ready when it answers again.
    """
    match view.state:
        case InstanceState.PROVISIONING:
            return DeploymentState.PROVISIONING
        case InstanceState.STARTING:
            return DeploymentState.STARTING
        case InstanceState.RUNNING:
            serves = deployment.state is DeploymentState.READY and not _has_moved(deployment, view)
            return DeploymentState.READY if serves else DeploymentState.LOADING
        case InstanceState.OUTBID:
            return DeploymentState.OUTBID
        case InstanceState.STOPPED:
            return DeploymentState.STOPPED
        case InstanceState.FAILED | InstanceState.OFFLINE:
            return DeploymentState.FAILED


def _has_moved(deployment: Deployment, view: InstanceView) -> bool:
    if deployment.endpoint is None:
        return False
    address = view.addresses.get(deployment.health.port)
    return address is not None and address.url != deployment.endpoint


def _seen(deployment: Deployment, view: InstanceView) -> Step:
    if deployment.state.is_ending:
        return Step(state=deployment.state, action=Action.DESTROY, note=deployment.last_error)
    if deployment.state is DeploymentState.DRAINING:
        return Step(state=deployment.state, action=Action.OBSERVE)
    state = state_of(deployment, view)
    adopt = deployment.instance_id is None
    return Step(state=state, action=Action.ADOPT if adopt else Action.OBSERVE, note=_why_unwell(state, view))


def _why_unwell(state: DeploymentState, view: InstanceView) -> str | None:
    """What the provider says beyond the state; None for nothing."""
    said = f"{view.state}: {view.detail}".rstrip(": ")
    return said if state.is_unwell and said != state.value else None


def _absent(deployment: Deployment, absent: Absent) -> Step:
    if deployment.state is DeploymentState.INTENDED:
        return Step(state=DeploymentState.ABANDONED, action=Action.ABANDON, note="it was never asked for")
    if deployment.state.is_in_doubt and deployment.instance_id is None:
        return _absent_create(deployment, absent)
    if deployment.state.is_ending:
        return _absent_ending(deployment, absent)
    return _absent_unasked(deployment, absent)


def _absent_create(deployment: Deployment, absent: Absent) -> Step:
    if _twice(deployment, absent, SETTLED if absent.others else BILLED):
        note = "two complete listings, apart in time, lack it"
        return Step(state=DeploymentState.ABANDONED, action=Action.ABANDON, note=note)
    return Step(
        state=DeploymentState.UNCERTAIN,
        action=Action.LOOK_AGAIN,
        missing_since=_first(deployment, absent),
        note="the create had no readable answer; a first complete listing lacks it",
    )


def _absent_ending(deployment: Deployment, absent: Absent) -> Step:
    if deployment.destroy_answer is DestroyAnswer.ACCEPTED and deployment.seen:
        return Step(state=DeploymentState.GONE, action=Action.CLOSE)
    if deployment.destroy_answer is None and not absent.others:
        note = "the provider lists nothing at all, and no request to destroy it was answered: not taken for gone"
        return Step(state=deployment.state, action=Action.LOOK_AGAIN, note=note)
    if _twice(deployment, absent):
        note = "two complete listings, apart in time, lack it"
        return Step(state=DeploymentState.GONE, action=Action.CLOSE, note=note)
    return Step(
        state=deployment.state,
        action=Action.LOOK_AGAIN,
        missing_since=_first(deployment, absent),
        note="its destroy was not confirmed; a first complete listing lacks it",
    )


def _absent_unasked(deployment: Deployment, absent: Absent) -> Step:
    if not absent.others and not _is_billed_out(deployment, absent):
        note = "the provider lists nothing at all, though this is recorded as alive: not taken for gone"
        return Step(state=deployment.state, action=Action.LOOK_AGAIN, note=note)
    if not absent.others and absent.billed_until != deployment.billed_until:
        note = "the provider lists nothing at all, and its bill has ended: look again in a minute"
        return Step(state=deployment.state, action=Action.LOOK_AGAIN, missing_since=absent.at, note=note)
    if _twice(deployment, absent):
        lacking = "two complete listings" if absent.others else "two empty listings and the account's bill"
        note = f"removed outside cloudgpu: {lacking}, apart in time, lack it"
        return Step(state=DeploymentState.GONE, action=Action.CLOSE, note=note)
    return Step(
        state=deployment.state,
        action=Action.LOOK_AGAIN,
        missing_since=_first(deployment, absent),
        note="a first complete listing lacks it; look again in a minute",
    )


def _is_billed_out(deployment: Deployment, absent: Absent) -> bool:
    """Whether its bill has ended: not one that is behind, which does not reach the time at which it was last shown."""
    if absent.billed_until is None or deployment.seen_at is None:
        return False
    reached = absent.billed_until >= deployment.seen_at - SETTLED
    return reached and absent.at - absent.billed_until >= BILLED


def _twice(deployment: Deployment, absent: Absent, settled: timedelta = SETTLED) -> bool:
    """Missed twice, apart, and long enough after its create (of one in the future: after the first miss)."""
    first = _first(deployment, absent)
    return absent.at - first >= APART and absent.at - min(deployment.since, first) >= settled


def _first(deployment: Deployment, absent: Absent) -> datetime:
    """When it was first missed: now, unless an earlier look said so (one in the future was made by a wrong clock)."""
    return min(deployment.missing_since or absent.at, absent.at)


def _unsure(deployment: Deployment, reason: str) -> Step:
    state = DeploymentState.UNCERTAIN if deployment.state is DeploymentState.CREATING else deployment.state
    return Step(state=state, action=Action.LOOK_AGAIN, missing_since=deployment.missing_since, note=reason)
