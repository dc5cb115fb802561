"""From an agreed list of offers to one healthy deployment, or to nothing at all.

For each offer in turn: read its price again, write the intent down, send the create once, find out what became of it,
wait until the engine answers. Whatever ends an attempt, the instance it made is destroyed before the next one begins.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import (
    CleanupFailedError,
    CloudgpuError,
    ConflictError,
    CreateRefusedError,
    DeadlineError,
    InstanceFailedError,
    NothingFitsError,
    OfferGoneError,
    StoppedByUserError,
)
from cloudgpu.base.events import Emit
from cloudgpu.base.money import ZERO, show_usd
from cloudgpu.running.deployment.create import create, intend
from cloudgpu.running.deployment.down import end, latest_of
from cloudgpu.running.deployment.journal import Journal, silent, unsettled
from cloudgpu.running.deployment.lookup import settle
from cloudgpu.running.deployment.observe import apply, look, turn
from cloudgpu.running.deployment.request import Limits, OnProgress, Progress, Rental, UpRequest, rental_of
from cloudgpu.running.deployment.spending import spent_usd
from cloudgpu.running.deployment.wait import Bounds, Prober, await_ready
from cloudgpu.running.health import probe
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store

_MOST_GONE = 10
"""Offers that may vanish between search and create before the market has to be searched again."""

_MOST_TOLD = 5

_TRY_THE_NEXT = (OfferGoneError, CreateRefusedError, InstanceFailedError, DeadlineError)
_WAITING = (DeploymentState.PROVISIONING, DeploymentState.STARTING, DeploymentState.LOADING)


@dataclass(frozen=True, slots=True)
class Failure:
    """An offer that did not serve, and why."""

    rental: Rental
    error: CloudgpuError
    usd: Decimal

    def __str__(self) -> str:
        offer = self.rental.offer
        return f"{offer.cards} (offer {offer.offer_id}): {self.error.message}"


def bring_up(
    request: UpRequest,
    *,
    provider: Provider,
    store: Store,
    clock: Clock,
    emit: Emit,
    prober: Prober = probe,
    on_progress: OnProgress = silent,
) -> Deployment:
    """A deployment that answered a completion. SPENDS MONEY, within the request's limits.

    Goes on with what an interrupted run of the same name left, when that is the same model on cards and with a launch
    that are asked for now. Raises ConflictError when the name is taken, NothingFitsError, OfferGoneError,
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
        if standing:
            return _guarded(journal, standing, request, prober, ZERO)
        return _first_that_serves(journal, request, prober)


def _standing(journal: Journal, request: UpRequest) -> Deployment | None:
    """What an earlier run left under this name and can be gone on with; settles or ends what it left half done."""
    found = journal.store.deployment(request.name)
    if found is None or found.state.is_final:
        return None
    if found.provider != journal.provider.name:
        raise _taken(found)
    if found.state.is_ending:
        end(journal, found)
        return None
    found = settle(journal, found) if found.instance_id is None else apply(journal, found, look(journal, found))
    if found.state.is_final:
        return None
    if found.state in _WAITING and (found.model, found.service) == (request.model, request.service):
        _check_wanted(found, request)
        going_on = f"with {found.cards}, rented by an earlier run"
        journal.on_progress(Progress(phase="going on", detail=going_on, elapsed_s=0, usd=ZERO))
        return found
    raise _taken(found)


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
    found = journal.store.deployment(name)
    if found is None or not (found.state.is_unsettled or found.state in _WAITING):
        return StoppedByUserError("stopped; nothing was rented or removed")
    link = journal.provider.console_url(found.instance_id or "")
    return unsettled(found, "stopped before what an earlier run left was settled", link)


def refuse_taken(found: Deployment | None) -> None:
    """Raise ConflictError when this deployment serves, or exists without serving: its name cannot be given again."""
    if found is not None and found.state in (DeploymentState.READY, DeploymentState.FAILED, DeploymentState.DRAINING):
        raise _taken(found)


def _taken(found: Deployment) -> ConflictError:
    doing = "serves already" if found.state is DeploymentState.READY else f"is {found.state.value}"
    return ConflictError(
        f"{found.name} {doing} ({found.model} on instance {found.instance_id} at {found.provider})",
        hint=f"give the new one another --name, or remove it first: cloudgpu down {found.name}",
    )


def _first_that_serves(journal: Journal, request: UpRequest, prober: Prober) -> Deployment:
    failures: list[Failure] = []
    spent = ZERO
    most = request.limits.spend_usd(request.rentals)
    for rental in _Turns(request.rentals, failures, request.limits.max_attempts):
        if failures and spent + rental.download_usd >= most:
            break
        try:
            return _attempt(journal, request, rental, prober, spent)
        except _TRY_THE_NEXT as error:
            usd = _cost(journal, request.name) if error.instance_id else ZERO
            failures.append(Failure(rental, error, usd))
            spent += usd
            _tell_failure(journal, failures[-1], request.limits, spent)
    raise _exhausted(failures)


def _tell_failure(journal: Journal, failure: Failure, limits: Limits, spent: Decimal) -> None:
    """Say why an attempt ended, and which machine is to blame: a wait that was cut short by the user blames none."""
    error, ours = failure.error, limits.max_wait_s is None and limits.max_spend_usd is None
    blamed = (
        error.blames_machine if isinstance(error, InstanceFailedError) else ours and isinstance(error, DeadlineError)
    )
    bad = failure.rental.offer.machine_id if blamed else None
    told = Progress(phase="next offer", detail=str(failure), elapsed_s=0, usd=spent, bad_machine=bad)
    journal.on_progress(told)


class _Turns:
    """The rentals in order, without the machines that failed; offers that were gone before a create cost no attempt."""

    def __init__(self, rentals: Sequence[Rental], failures: list[Failure], most: int) -> None:
        self._rentals, self._failures, self._most = iter(rentals), failures, most

    def __iter__(self) -> "_Turns":
        return self

    def __next__(self) -> Rental:
        tried = [failure for failure in self._failures if not isinstance(failure.error, OfferGoneError)]
        bad = {failure.rental.offer.machine_id for failure in tried}
        if len(tried) >= self._most or len(self._failures) >= self._most + _MOST_GONE:
            raise StopIteration
        return next(r for r in self._rentals if r.offer.machine_id is None or r.offer.machine_id not in bad)


def _exhausted(failures: list[Failure]) -> CloudgpuError:
    if not failures:
        return NothingFitsError("there is no offer to try", hint="make a plan: cloudgpu plan MODEL")
    last = failures[-1].error
    listed = "; ".join(f"({number}) {failure}" for number, failure in enumerate(failures[:_MOST_TOLD], 1))
    listed += f"; and {len(failures) - _MOST_TOLD} more like these" * (len(failures) > _MOST_TOLD)
    hint = last.hint or "plan again for other offers: cloudgpu plan MODEL"
    return type(last)(f"no offer served, and nothing is left that bills: {listed}", hint=hint)


def _attempt(journal: Journal, request: UpRequest, rental: Rental, prober: Prober, spent: Decimal) -> Deployment:
    cap = request.limits.cap(rental)  # from the price that was shown, not from the one that is read now
    rental = _priced_again(journal, rental, cap)
    intended = intend(journal, request, rental, cap)
    return _guarded(journal, intended, request, prober, spent, rental)


def _priced_again(journal: Journal, rental: Rental, cap: Decimal) -> Rental:
    """The rental at the price of this moment. Raises OfferGoneError when it is gone or dearer than agreed."""
    journal.on_progress(Progress(phase="checking price", detail=rental.offer.cards, elapsed_s=0, usd=ZERO))
    offer = journal.provider.offer(rental.offer, rental.launch.disk_gb)
    now = rental_of(offer, rental.launch)
    if now.usd_per_hour > cap:
        raise OfferGoneError(
            f"it now costs {show_usd(now.usd_per_hour, 4)} per hour, above the agreed {show_usd(cap, 4)}",
            hint="agree to more with --max-price, or plan again",
        )
    return now


def _guarded(
    journal: Journal,
    deployment: Deployment,
    request: UpRequest,
    prober: Prober,
    spent: Decimal,
    rental: Rental | None = None,
) -> Deployment:
    """Create (when there is a rental to create) and wait; whatever goes wrong, nothing of it is left behind."""
    try:
        if rental is not None:
            deployment = journal.save(deployment, state=DeploymentState.CREATING)
            deployment = create(journal, deployment, rental)
        bounds = _bounds(request, rental, deployment, spent)
        return await_ready(journal, deployment, api_key=deployment.api_key or request.api_key, prober=prober, bounds=bounds)
    except KeyboardInterrupt:
        _undo(journal, deployment)
        raise StoppedByUserError("stopped; everything that was created is gone again", hint=None) from None
    except CleanupFailedError:
        raise
    except CloudgpuError as error:
        error.instance_id = error.instance_id or deployment.instance_id
        _undo(journal, dataclasses.replace(deployment, instance_id=error.instance_id))
        raise
    except BaseException:
        _undo(journal, deployment)
        raise


def _bounds(request: UpRequest, rental: Rental | None, deployment: Deployment, spent: Decimal) -> Bounds:
    limits = request.limits
    agreed = rental or next(iter(request.rentals), None)
    return Bounds(
        wait_s=limits.wait_s(agreed) if agreed else limits.max_wait_s or 3600.0,
        spend_usd=limits.spend_usd(request.rentals) if request.rentals else limits.max_spend_usd or Decimal(5),
        spent_before_usd=spent,
        cap_usd_per_hour=_agreed(limits, request, deployment),
    )


def _agreed(limits: Limits, request: UpRequest, deployment: Deployment) -> Decimal:
    """The most it may cost per hour: as said on this command line, else as agreed when it was rented."""
    if limits.max_usd_per_hour is not None:
        return limits.max_usd_per_hour
    if deployment.agreed_usd_per_hour is not None:
        return deployment.agreed_usd_per_hour
    return max((limits.cap(rental) for rental in request.rentals), default=deployment.usd_per_hour)


def _undo(journal: Journal, made: Deployment) -> None:
    """Destroy what this attempt made, or prove that it made nothing. Whatever ends even this, it is said.

    `made` is what is known here, should the journal not know it or fail.
    """
    try:
        latest = latest_of(journal, made)
        if not latest.state.is_final:
            end(journal, latest)
    except CleanupFailedError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if made.state is DeploymentState.INTENDED:
            return  # nothing was sent: the intent alone rents nothing
        reason = "stopped before its end was confirmed" if isinstance(error, KeyboardInterrupt) else str(error)
        raise unsettled(made, reason, journal.provider.console_url(made.instance_id or "")) from error


def _cost(journal: Journal, name: str) -> Decimal:
    latest = journal.store.deployment(name)
    return spent_usd(latest, journal.now()) if latest else ZERO
