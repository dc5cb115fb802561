"""From rentals to the first that answers: one at a time, or several at once of which the others are removed again.

Whatever ends it, nothing of it is left behind but the winner: what cannot be proved to be gone is said.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from cloudgpu.base.errors import (
    CleanupFailedError,
    CloudgpuError,
    CreateRefusedError,
    DeadlineError,
    InstanceFailedError,
    NoCreditError,
    NothingFitsError,
    OfferGoneError,
    RateLimitedError,
    StoppedByUserError,
)
from cloudgpu.base.money import ZERO, show_usd
from cloudgpu.running.deployment.create import create, intend
from cloudgpu.running.deployment.down import latest_of
from cloudgpu.running.deployment.failures import Failure, Turns, exhausted, spent_on
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.request import Limits, Progress, Rental, UpRequest, rental_of
from cloudgpu.running.deployment.spending import spent_usd
from cloudgpu.running.deployment.undo import undo, undo_all
from cloudgpu.running.deployment.wait import POLL_S, Bounds, Prober, Watch, advance
from cloudgpu.running.records import Deployment, DeploymentState

_TRY_THE_NEXT = (OfferGoneError, CreateRefusedError, InstanceFailedError, DeadlineError)
ELSEWHERE = (*_TRY_THE_NEXT, NothingFitsError, NoCreditError, RateLimitedError)
"""What ends the hope of this provider, with nothing left that bills: another one may do."""


@dataclass(slots=True)
class Racer:
    """One life on its way to an answer. `rental` is None for what an earlier run rented."""

    deployment: Deployment
    watch: Watch
    rental: Rental | None = None
    told: Progress | None = None


@dataclass(slots=True)
class Race:
    """One run of `up` at one provider. `failures` may hold those of another provider, and gets those of this one."""

    journal: Journal
    request: UpRequest
    prober: Prober
    failures: list[Failure]
    racers: list[Racer] = field(default_factory=list)

    def run(self, standing: Deployment | None) -> Deployment:
        """The first that answered, everything else of it removed. SPENDS MONEY. Raises as `bring_up` does."""
        try:
            if standing is not None:
                self._enter(standing, None)
            winner = self._first_to_answer()
            self._leave_only(winner)
        except KeyboardInterrupt:
            self._undo_all()
            raise StoppedByUserError("stopped; everything that was created is gone again", hint=None) from None
        except BaseException:
            self._undo_all()
            raise
        return winner.deployment

    def _first_to_answer(self) -> Racer:
        turns = Turns(self.request.within_agreement, self.failures, self.request.limits.max_attempts)
        while True:
            if not self.racers:
                self._start(turns)
            for racer in tuple(self.racers):
                self._advance(racer)
                if racer.watch.answered:
                    return racer
            self._tell()
            if self.racers:
                self.journal.clock.sleep(POLL_S)

    def _tell(self) -> None:
        """One line for all that run: where each of them stands."""
        told = [(each, each.told) for each in self.racers if each.told]
        if not told:
            return
        first = told[0][1]
        if len(told) > 1:
            where = "; ".join(f"{each.deployment.cards}: {said.phase}" for each, said in told)
            usd = max(said.usd for _, said in told)
            first = Progress(phase=f"{len(told)} at once", detail=where, elapsed_s=first.elapsed_s, usd=usd)
        self.journal.on_progress(first)

    def _tell_end(self, *, done: bool) -> None:
        """That what was told last is over: done, or come to nothing."""
        self.journal.on_progress(Progress(phase="", detail="", elapsed_s=0, usd=ZERO, over=done))

    def _start(self, turns: Turns) -> None:
        """As many at once as were asked for. Raises the error that names every failure when not one can be started."""
        most = self._most_usd()
        while len(self.racers) < self.request.limits.hedge:
            rental = turns.next([each.deployment.machine_id or each.deployment.offer_id for each in self.racers])
            if rental is None or (self.failures and self._is_beyond(rental, most)):
                break
            self._begin(rental)
        if not self.racers:
            raise self._exhausted()

    def _exhausted(self) -> CloudgpuError:
        """Why nothing is left, and whether something dearer is that nobody agreed to."""
        error, request = exhausted(self.failures), self.request
        dearer = len(request.rentals) - len(request.within_agreement)
        if dearer and isinstance(error, OfferGoneError):
            most = show_usd(request.most_usd_per_hour, 4)
            error.hint = f"{dearer} more cost above the agreed {most} per hour: agree to more with --max-price"
        return error

    def _is_beyond(self, rental: Rental, most: Decimal) -> bool:
        """Whether the limit is used up. One that costs nothing is never beyond a limit that was kept, 0 among them."""
        spent = self._spent() + rental.download_usd
        return spent > most or (spent == most and rental.usd_per_hour > 0)

    def _begin(self, rental: Rental) -> None:
        cap = self.request.cap(rental)  # from the price that was shown, not from the one that is read now
        try:
            _prepare(self.journal, rental, self.request.limits.wait_s(rental))
            priced = _priced_again(self.journal, rental, cap)
            intended = intend(self.journal, self.request, priced, cap)
        except _TRY_THE_NEXT as error:
            self._tell_end(done=False)
            return self._failed(error, rental, None)
        racer = self._enter(intended, priced)
        with self._minded(racer):
            racer.deployment = self.journal.save(intended, state=DeploymentState.CREATING)
            racer.deployment = create(self.journal, racer.deployment, priced)
        return None

    def _enter(self, deployment: Deployment, rental: Rental | None) -> Racer:
        now = self.journal.now()
        self.racers.append(Racer(deployment, Watch(began=now, last_sure=now), rental))
        return self.racers[-1]

    def _advance(self, racer: Racer) -> None:
        key, bounds = racer.deployment.api_key or self.request.api_key, self._bounds(racer)

        def keep(told: Progress) -> None:
            racer.told = told

        journal = dataclasses.replace(self.journal, on_progress=keep)
        with self._minded(racer):
            racer.deployment = advance(
                journal, racer.deployment, racer.watch, api_key=key, prober=self.prober, bounds=bounds
            )

    @contextmanager
    def _minded(self, racer: Racer) -> Iterator[None]:
        """What goes wrong with one: its turn is over, or all of it, and what it made is known to whoever undoes it."""
        try:
            yield
        except _TRY_THE_NEXT as error:
            self._drop(racer, error)
        except CleanupFailedError:
            self.racers.remove(racer)  # it was tried already, for as long as it may take
            raise
        except CloudgpuError as error:
            known = error.instance_id or racer.deployment.instance_id
            racer.deployment = dataclasses.replace(racer.deployment, instance_id=known)
            raise

    def _drop(self, racer: Racer, error: CloudgpuError) -> None:
        """Remove what this one made, keep why it failed, and let the next one try."""
        error.instance_id = error.instance_id or racer.deployment.instance_id
        racer.deployment = dataclasses.replace(racer.deployment, instance_id=error.instance_id)
        if len(self.racers) == 1:
            self._tell_end(done=False)
        try:
            undo(self._ending(), racer.deployment)
        except CleanupFailedError:
            self.racers.remove(racer)
            raise
        self.racers.remove(racer)
        self._failed(error, racer.rental, racer.deployment)

    def _failed(self, error: CloudgpuError, rental: Rental | None, made: Deployment | None) -> None:
        latest = latest_of(self.journal, made) if made and error.instance_id else None
        usd = spent_usd(latest, self.journal.now()) if latest else ZERO
        what = rental.offer if rental else made
        if what is None:
            raise error
        failure = Failure(
            provider=self.journal.provider.name, offer_id=what.offer_id, machine_id=what.machine_id, cards=what.cards,
            error=error, usd=usd,
        )  # fmt: skip
        self.failures.append(failure)
        bad = failure.bad_machine(self.request.limits)
        told = Progress(
            phase="failed", detail=str(failure), elapsed_s=0, usd=self._spent(), bad_machine=bad, over=False
        )
        self.journal.on_progress(told)

    def _leave_only(self, winner: Racer) -> None:
        """Remove the others.

        One whose end cannot be proved keeps nobody from the winner: the journal holds it, and every command says so.
        """
        for racer in tuple(self.racers):
            if racer is winner:
                continue
            try:
                undo(self._ending(), racer.deployment)
            except CleanupFailedError as error:
                told = Progress(phase="not removed", detail=error.message, elapsed_s=0, usd=self._spent())
                self.journal.on_progress(told)

    def _undo_all(self) -> None:
        self._tell_end(done=False)
        if self.racers:
            undo_all(self._ending(), [racer.deployment for racer in self.racers])
            self._tell_end(done=True)

    def _ending(self) -> Journal:
        """The journal for an end: what can have been spent is told of the whole run, as before and after it."""

        def tell(told: Progress) -> None:
            self.journal.on_progress(dataclasses.replace(told, usd=self._spent()) if told.usd else told)

        return dataclasses.replace(self.journal, on_progress=tell)

    def _spent(self) -> Decimal:
        now = self.journal.now()
        return spent_on(self.failures) + sum((spent_usd(each.deployment, now) for each in self.racers), ZERO)

    def _most_usd(self) -> Decimal:
        limits, rentals = self.request.limits, self.request.rentals
        if rentals:
            elsewhere = [each for each in self.failures if each.provider != self.journal.provider.name]
            return limits.spend_usd(rentals) + (spent_on(elsewhere) if limits.max_spend_usd is None else ZERO)
        return Decimal(5) if limits.max_spend_usd is None else limits.max_spend_usd

    def _bounds(self, racer: Racer) -> Bounds:
        limits = self.request.limits
        agreed = racer.rental or next(iter(self.request.rentals), None)
        return Bounds(
            wait_s=limits.wait_s(agreed) if agreed else limits.max_wait_s or 3600.0,
            spend_usd=self._most_usd(),
            spent_before_usd=self._spent() - spent_usd(racer.deployment, self.journal.now()),
            cap_usd_per_hour=_agreed(limits, self.request, racer.deployment),
            download_s=None if racer.rental is None else racer.rental.download_s,
        )


def _prepare(journal: Journal, rental: Rental, wait_s: float) -> None:
    """What takes long and costs nothing is done before there is anything to clean up.

    Raises DeadlineError once it told of itself for `wait_s` seconds: whoever prepares ends a silence by itself.
    """
    began = journal.clock.elapsed()

    def tell(detail: str) -> None:
        elapsed_s = journal.clock.elapsed() - began
        journal.on_progress(Progress(phase="pulling the image", detail=detail, elapsed_s=elapsed_s, usd=ZERO))
        if elapsed_s >= wait_s:
            raise DeadlineError(
                f"after {wait_s / 60:.0f} minutes the image is not there: {detail}",
                hint="allow more with --max-wait; or docker pull it first: what has come stays",
            )

    journal.provider.prepare(rental.launch, tell)


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


def _agreed(limits: Limits, request: UpRequest, deployment: Deployment) -> Decimal:
    """The most it may cost per hour: as said on this command line, else as agreed when it was rented."""
    if limits.max_usd_per_hour is not None:
        return limits.max_usd_per_hour
    if deployment.agreed_usd_per_hour is not None:
        return deployment.agreed_usd_per_hour
    return max((request.cap(rental) for rental in request.rentals), default=deployment.usd_per_hour)
