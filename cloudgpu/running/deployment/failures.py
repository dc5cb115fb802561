"""What did not serve, why, and which offer comes next because of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.errors import CloudgpuError, DeadlineError, InstanceFailedError, NothingFitsError, OfferGoneError
from cloudgpu.base.money import ZERO
from cloudgpu.running.deployment.request import Limits, Rental

_MOST_GONE = 10
"""Offers that may vanish between search and create before the market has to be searched again."""

_MOST_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An offer that did not serve: where, on what, why, and the most that it can have cost."""

    provider: str
    offer_id: str
    machine_id: str | None
    cards: str
    error: CloudgpuError
    usd: Decimal

    def __str__(self) -> str:
        return f"{self.cards} (offer {self.offer_id}): {self.error.message}"

    def bad_machine(self, limits: Limits) -> str | None:
        """The machine that is to blame: one whose wait was cut short by the user's own limits is not."""
        patient = limits.max_wait_s is None and limits.max_spend_usd is None
        if isinstance(self.error, InstanceFailedError):
            return self.machine_id if self.error.blames_machine else None
        return self.machine_id if patient and isinstance(self.error, DeadlineError) else None


class Turns:
    """Which rental comes next: never one on a machine that failed, and another card first where the card was to blame.

    Ends when nothing is left, when so many were tried, or when a failure says that none will do. An offer that was gone
    before its create cost no attempt.
    """

    def __init__(self, rentals: Sequence[Rental], failures: list[Failure], most: int) -> None:
        self._left, self._failures, self._most = list(rentals), failures, most

    def next(self, running: Collection[str | None] = ()) -> Rental | None:
        """The next one, on a machine that is none of those `running`; None: there is nothing more to try."""
        tried = [each for each in self._failures if not isinstance(each.error, OfferGoneError)]
        if len(tried) + len(running) >= self._most or len(self._failures) >= self._most + _MOST_GONE:
            return None
        if any(_is_hopeless(each) for each in tried):
            return None
        bad = {each.machine_id for each in tried} | set(running)
        self._left = [each for each in self._left if each.offer.machine_id is None or each.offer.machine_id not in bad]
        cards = {each.cards for each in tried if isinstance(each.error, InstanceFailedError) and each.error.blames_card}
        self._left.sort(key=lambda each: each.offer.cards in cards)
        return self._left.pop(0) if self._left else None


def spent_on(failures: Sequence[Failure]) -> Decimal:
    """The most that all of them can have cost."""
    return sum((each.usd for each in failures), ZERO)


def exhausted(failures: Sequence[Failure]) -> CloudgpuError:
    """The error when no offer served: why each failed, and what may help."""
    if not failures:
        return NothingFitsError("there is no offer to try", hint="make a plan: cloudgpu plan MODEL")
    last = failures[-1].error
    several = len({each.provider for each in failures}) > 1
    told = [f"{each.provider}: {each}" if several else str(each) for each in failures[:_MOST_TOLD]]
    listed = "; ".join(f"({number}) {each}" for number, each in enumerate(told, 1))
    listed += f"; and {len(failures) - _MOST_TOLD} more like these" * (len(failures) > _MOST_TOLD)
    hint = last.hint or "plan again for other offers: cloudgpu plan MODEL"
    error = type(last)(f"no offer served, and nothing is left that bills: {listed}", hint=hint)
    if isinstance(error, InstanceFailedError):
        error.blames_launch = any(_is_hopeless(each) for each in failures)
    return error


def _is_hopeless(failure: Failure) -> bool:
    return isinstance(failure.error, InstanceFailedError) and failure.error.blames_launch
