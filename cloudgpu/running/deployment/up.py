"""From an agreed list of offers to one healthy deployment, or to nothing at all.

For each offer in turn: read its price again, write the intent down, send the create once, find out what became of it,
wait until the engine answers. Whatever ends an attempt, the instance it made is destroyed before the next one begins.
"""

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError, ConflictError, StoppedByUserError
from cloudgpu.base.events import Emit
from cloudgpu.base.money import ZERO
from cloudgpu.running.deployment.down import end
from cloudgpu.running.deployment.failures import Failure
from cloudgpu.running.deployment.journal import Journal, silent, unsettled
from cloudgpu.running.deployment.lookup import settle
from cloudgpu.running.deployment.observe import apply, lock_name, look, turn
from cloudgpu.running.deployment.race import Race
from cloudgpu.running.deployment.request import OnProgress, Progress, UpRequest
from cloudgpu.running.deployment.wait import Prober
from cloudgpu.running.health import probe
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store

_WAITING = (DeploymentState.PROVISIONING, DeploymentState.STARTING, DeploymentState.LOADING)

_TAKEN = (DeploymentState.READY, DeploymentState.DRAINING)


def bring_up(
    request: UpRequest,
    *,
    provider: Provider,
    store: Store,
    clock: Clock,
    emit: Emit,
    prober: Prober = probe,
    on_progress: OnProgress = silent,
    failures: list[Failure] | None = None,
) -> Deployment:
    """A deployment that answered a completion. SPENDS MONEY, within the request's limits.

    `failures` holds what failed so far, at whichever provider, and counts towards the limits; every offer that fails is
    added to it. Goes on with what an interrupted run of the same name left, when that is the same model on cards and
    with a launch that are asked for now. Raises ConflictError when the name is taken, NothingFitsError, OfferGoneError,
    CreateRefusedError, InstanceFailedError or DeadlineError when no offer served (the message says why each failed),
    StoppedByUserError at Ctrl-C; in all of these everything that was created is gone. CleanupFailedError (exit 6) when
    that could not be proved, whatever stood in the way.
    """
    journal = Journal(provider=provider, store=store, clock=clock, emit=emit, on_progress=on_progress)
    with turn(journal, request.name, f"up {request.name}"):
        try:
            standing = _standing(journal, request)
        except KeyboardInterrupt:
            raise _left_standing(journal, request.name) from None
        return Race(journal, request, prober, [] if failures is None else failures).run(standing)


def end_spares(deployment: Deployment, *, provider: Provider, store: Store, clock: Clock, emit: Emit) -> None:
    """Remove what a race that was killed left under this name beside the one that counts. Nothing to do: no call.

    Raises CleanupFailedError when the end of one cannot be proved, ConflictError while another process works on them.
    """
    if len(store.living(deployment.name)) > 1:
        journal = Journal(provider=provider, store=store, clock=clock, emit=emit)
        with turn(journal, deployment.name, f"up {deployment.name}"):
            _end_spares(journal, deployment.name)


def _standing(journal: Journal, request: UpRequest) -> Deployment | None:
    """What an earlier run left under this name and can be gone on with; settles or ends what it left half done."""
    found = next(iter(journal.store.living(request.name)), None)
    if found is None:
        return None
    _end_spares(journal, request.name)
    if found.provider != journal.provider.name:
        raise _taken(found)
    if found.state.is_ending:
        end(journal, found)
        return None
    found = settle(journal, found) if found.instance_id is None else apply(journal, found, look(journal, found))
    if found.state.is_final:
        return None
    if _waits(found) and (found.model, found.service) == (request.model, request.service):
        _check_wanted(found, request)
        going_on = f"with {found.cards}, rented by an earlier run"
        journal.on_progress(Progress(phase="going on", detail=going_on, elapsed_s=0, usd=ZERO))
        return found
    raise _taken(found)


def _waits(found: Deployment) -> bool:
    """Whether an `up` was cut short that waited for it. What served before and loads again is nobody's to replace."""
    return found.state in _WAITING and found.ready_at is None


def _end_spares(journal: Journal, name: str) -> None:
    """A race that was killed left more than one: the one that came farthest counts, the others were to be removed."""
    for spare in journal.store.living(name)[1:]:
        end(journal, spare)


def _check_wanted(found: Deployment, request: UpRequest) -> None:
    """Raise ConflictError unless what an earlier run rented is something that this request would rent."""
    if found.wish is not None and found.wish == request.wish:
        return  # the very same was asked for; its offer has left the market because it was rented
    wanted = {(rental.offer.cards, rental.launch_digest) for rental in request.rentals}
    if found.launch_digest is None or not wanted or (found.cards, found.launch_digest) in wanted:
        return
    raise ConflictError(
        f"an interrupted run rented {found.cards} for {found.name}, on instance {found.instance_id} at "
        f"{found.provider}, and what is asked for now would not rent that",
        hint=f"ask for the same again, or remove it first: cloudgpu down {found.name}",
        instance_id=found.instance_id,
    )


def _left_standing(journal: Journal, name: str) -> CloudgpuError:
    """The error for a Ctrl-C before anything of this run began: what an earlier one left is left as it is, and said."""
    found = next(iter(journal.store.living(name)), None)
    if found is None or not (found.state.is_unsettled or _waits(found)):
        return StoppedByUserError("stopped; nothing was rented or removed")
    link = journal.provider.console_url(found.instance_id or "")
    return unsettled(found, "stopped before what an earlier run left was settled", link)


def is_left_behind(deployment: Deployment, store: Store) -> bool:
    """Whether it was rented for an `up` that is no more: it bills, and nothing waits for it to answer."""
    rented = deployment.launch_digest is not None  # what `adopt` found was rented for nobody known
    return rented and _waits(deployment) and not store.is_locked(lock_name(deployment.name))


def refuse_taken(found: Deployment | None) -> None:
    """Raise ConflictError when this deployment serves, or exists without serving: its name cannot be given again."""
    if found is not None and (
        found.state in _TAKEN or found.state.is_unwell or (found.state in _WAITING and not _waits(found))
    ):
        raise _taken(found)


def _taken(found: Deployment) -> ConflictError:
    again = " again: it served before" if found.state in _WAITING else ""
    doing = "serves already" if found.state is DeploymentState.READY else f"is {found.state.value}{again}"
    if found.out_of_sight:
        doing = f"is recorded as {found.state.value}, and its provider does not show it any more"
    return ConflictError(
        f"{found.name} {doing} ({found.model} on instance {found.instance_id} at {found.provider})",
        hint=f"give the new one another --name, or remove it first: cloudgpu down {found.name}",
    )
