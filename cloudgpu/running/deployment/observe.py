"""Looks at the provider and records what changed. Spends nothing, destroys nothing."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import Clock, utc_text
from cloudgpu.base.errors import ConflictError, NotAuthorisedError, ProviderError
from cloudgpu.base.events import Emit, EventKind
from cloudgpu.base.money import ZERO, exact_text
from cloudgpu.running.account import same_account
from cloudgpu.running.deployment.bill import read_bill_at_the_end
from cloudgpu.running.deployment.empty_listing import against_it, billed_until
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.state import Absent, Action, Seen, Sighting, Step, Unsure, step
from cloudgpu.running.providers.base import InstanceState, InstanceView, Provider
from cloudgpu.running.records import Deployment, DeploymentState, DestroyAnswer
from cloudgpu.running.store import Store

_LOOK = "a look at"
_LOOK_ATTEMPTS = 20
_LOOK_S = 0.5


Listing = Callable[[], Sequence[InstanceView]]
"""What the provider lists of the whole account, complete."""


def refresh(
    deployment: Deployment,
    provider: Provider,
    store: Store,
    clock: Clock,
    emit: Emit,
    *,
    listing: Listing | None = None,
) -> Deployment:
    """The deployment as the provider shows it now, recorded: adopted when it was uncertain, with its state and price.

    One look, no waiting. `listing` gives what the provider has just listed, to whoever looks at several; what that one
    lacks gets a listing of its own. While another process works on it, what is recorded is given back unchanged. What
    was learned or could not be stands in `last_error`. Calls the network; raises NotAuthorisedError, once it is
    recorded that nobody can be asked.

    The lock is held to write, not while the provider is asked: a look keeps no act waiting, and counts for nothing when
    the record changed under it. It is taken before that only to learn whether who stands in it still lives.
    """
    journal = Journal(provider=provider, store=store, clock=clock, emit=emit)
    held = lock_name(deployment.name), f"{_LOOK} {deployment.name}"
    refusal: NotAuthorisedError | None = None
    with contextlib.suppress(ConflictError):
        with contextlib.nullcontext() if store.is_free(held[0]) else store.lock(*held):
            current = store.life(deployment.token) or deployment
        if current.state.is_final:
            return current
        sighting: Sighting
        try:
            sighting = look(journal, current, listing)
        except NotAuthorisedError as error:
            sighting, refusal = Unsure(error.message), error
        with store.lock(*held):
            if store.life(current.token) in (None, current):
                current = apply(journal, current, sighting)
                if current.state is DeploymentState.GONE:
                    read_bill_at_the_end(current, provider, emit, clock)
                if refusal is None:
                    return current
    if refusal is not None:
        raise refusal
    return store.life(deployment.token) or deployment


@contextlib.contextmanager
def turn(journal: Journal, name: str, owner: str) -> Iterator[None]:
    """Hold the lock of a deployment for an act. A look holds it for moments: it is waited for, another act is not.

    Raises ConflictError naming the holder.
    """
    with contextlib.ExitStack() as held:
        for left in range(_LOOK_ATTEMPTS, -1, -1):
            try:
                held.enter_context(journal.store.lock(lock_name(name), owner))
                break
            except ConflictError as error:
                if not left or not error.message.startswith(_LOOK):
                    raise
            journal.clock.sleep(_LOOK_S)
        yield


def lock_name(name: str) -> str:
    """The lock that every act on this deployment takes."""
    return f"deployment:{name}"


def check_provider(journal: Journal, deployment: Deployment) -> None:
    """Raise ConflictError when the journal's provider is not the one that it was rented from."""
    if journal.provider.name != deployment.provider:
        raise ConflictError(
            f"{deployment.name} is at {deployment.provider}, not at {journal.provider.name}",
            hint="see: cloudgpu status",
        )


def look(journal: Journal, deployment: Deployment, listing: Listing | None = None) -> Sighting:
    """What the provider shows of it: one complete listing, and a read of its own before it counts as absent.

    A `listing` that is shared with other looks only shows that it is there: it may be older than what it lacks. Raises
    NotAuthorisedError when the key is refused, or is the key of another account than the one that rented it, and
    ConflictError when the journal's provider is not the one that it was rented from: that one's silence proves nothing.
    """
    check_provider(journal, deployment)
    try:
        found = _mine(listing(), deployment) if listing else None
        views = () if found else journal.provider.instances()
        found = found or _mine(views, deployment) or _single(journal.provider, deployment)
        if found:
            return Seen(found)
        _same_account(journal.provider, deployment)
        against = None if views else against_it(journal, deployment)
    except ProviderError as error:
        return Unsure(error.message)
    billed = None if views or against else billed_until(journal, deployment)
    return against or Absent(at=journal.now(), others=len(views), billed_until=billed)


def apply(journal: Journal, deployment: Deployment, sighting: Sighting) -> Deployment:
    """Record what a sighting means. Returns the deployment as it now stands; destroys nothing."""
    view = sighting.view if isinstance(sighting, Seen) else None
    following = step(deployment, sighting)
    if isinstance(sighting, Absent):
        deployment = dataclasses.replace(deployment, billed_until=sighting.billed_until)
    if view and following.action is Action.ADOPT:
        deployment = dataclasses.replace(deployment, instance_id=view.instance_id)
        journal.tell(EventKind.CREATED, deployment)
    if view and following.action in (Action.ADOPT, Action.OBSERVE, Action.DESTROY):
        deployment = _observed(journal, deployment, view, following.state)
    if view is None and not following.state.is_final:
        deployment = _unseen(journal, deployment, following)
    _tell_end(journal, deployment, following)
    return journal.save(
        deployment, state=following.state, missing_since=following.missing_since, last_error=following.note
    )


def _mine(views: Sequence[InstanceView], deployment: Deployment) -> InstanceView | None:
    if deployment.instance_id:
        return next((view for view in views if view.instance_id == deployment.instance_id), None)
    return next((view for view in views if view.label == deployment.token), None)


def _single(provider: Provider, deployment: Deployment) -> InstanceView | None:
    return provider.instance(deployment.instance_id) if deployment.instance_id else None


def _same_account(provider: Provider, deployment: Deployment) -> None:
    if deployment.account is None or same_account(provider.account(), deployment.account):
        return
    raise NotAuthorisedError(
        f"the key for {deployment.provider} opens another account than the one that rented {deployment.name}",
        hint="give the key it was rented with: another account's listing says nothing about it",
    )


def _observed(journal: Journal, deployment: Deployment, view: InstanceView, state: DeploymentState) -> Deployment:
    address = view.addresses.get(deployment.health.port)
    facts = _facts(view, state)
    seen = " ".join(str(value) for value in facts.values())
    if seen != deployment.seen or deployment.out_of_sight:
        journal.tell(EventKind.OBSERVED, deployment, **facts, **_load(view), **_unchanged_until(deployment))
    return dataclasses.replace(
        deployment,
        gpu_usd_per_hour=view.gpu_usd_per_hour,
        disk_usd_per_hour=view.disk_usd_per_hour,
        shown_usd_per_hour=_charged(view),
        machine_id=deployment.machine_id or view.machine_id,
        endpoint=address.url if address else deployment.endpoint,
        seen=seen,
        seen_at=journal.now(),
        out_of_sight=False,
        gpu_load=view.gpu_load,
    )


def _unseen(journal: Journal, deployment: Deployment, following: Step) -> Deployment:
    """Say once that it is out of sight: whatever keeps it from being shown, the ledger doubts what it meters since."""
    if deployment.instance_id is None or deployment.out_of_sight:
        return deployment
    journal.tell(EventKind.OUT_OF_SIGHT, deployment, reason=following.note, **_last_shown(deployment))
    return dataclasses.replace(deployment, out_of_sight=True)


def _unchanged_until(deployment: Deployment) -> dict[str, str]:
    """The ledger states its doubt about the moment of a change by this: it lies between two looks."""
    return {"unchanged_until": utc_text(deployment.seen_at)} if deployment.seen_at else {}


def _why_gone(following: Step) -> dict[str, str]:
    return {"reason": following.note} if following.note else {}


def _last_shown(deployment: Deployment) -> dict[str, str]:
    """What nobody here ended may have ended at any moment since it was last shown."""
    return {} if deployment.destroy_answer is DestroyAnswer.ACCEPTED else _unchanged_until(deployment)


def _facts(view: InstanceView, state: DeploymentState) -> dict[str, Any]:
    return {
        "state": state.value,
        "gpu_billing": view.gpu_billing,
        "disk_billing": view.disk_billing,
        "gpu_usd_per_hour": exact_text(view.gpu_usd_per_hour),
        "disk_usd_per_hour": exact_text(view.disk_usd_per_hour),
        **({"host_lost": True} if view.state is InstanceState.OFFLINE else {}),
    }


def _charged(view: InstanceView) -> Decimal:
    """Dollars per hour in the state that it is in."""
    gpu = view.gpu_usd_per_hour if view.gpu_billing else ZERO
    return gpu + (view.disk_usd_per_hour if view.disk_billing else ZERO)


def _load(view: InstanceView) -> dict[str, Any]:
    """How busy its cards were at that look; it changes at every one and is no news by itself."""
    return {"gpu_load": view.gpu_load.as_body()} if view.gpu_load else {}


def _tell_end(journal: Journal, deployment: Deployment, following: Step) -> None:
    if following.action is Action.CLOSE:
        journal.tell(EventKind.GONE, deployment, **_why_gone(following), **_last_shown(deployment))
    if following.action is Action.ABANDON:
        journal.tell(EventKind.ABANDONED, deployment, reason=following.note)
    if following.state is DeploymentState.UNCERTAIN and deployment.state is not DeploymentState.UNCERTAIN:
        journal.tell(EventKind.UNCERTAIN, deployment, reason=following.note)
