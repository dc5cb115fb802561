"""What is agreed before money is spent: which offers, in which order, and how far."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.base.secret import Secret
from cloudgpu.base.units import SECONDS_PER_HOUR
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.price import price_of
from cloudgpu.serving.launch import LaunchRequest

PRICE_SLACK = Decimal("1.05")
"""A live price up to this much above the one that was shown is still the one that was agreed to."""

_BASE_WAIT_S = 600
_WAIT_S_PER_GB = 36
"""Cold starts that were reported: 6 GB of files 600 s, 20 GB 900 s, 36 GB 1500 s, 75 GB 2700 s; this stays above."""


_STUCK_BASE_S = 300.0
_STUCK_TIMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """One offer with what would run on it. Prices are dollars per hour while it runs; `download_usd` is paid once."""

    offer: Offer
    launch: LaunchRequest
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    download_usd: Decimal

    @property
    def usd_per_hour(self) -> Decimal:
        """GPU and disk together."""
        return self.gpu_usd_per_hour + self.disk_usd_per_hour

    @property
    def download_s(self) -> float | None:
        """So long may its download say nothing before it counts as stuck; None when the host's speed is not known.

        Several times what the host's stated speed means: hosts share their lines, and the Hub is slower at times.
        """
        mbps = self.offer.download_mbps
        return None if not mbps else _STUCK_BASE_S + _STUCK_TIMES * self.launch.download_gb * 8000 / mbps

    @property
    def launch_digest(self) -> str:
        """The same for what would run alike: the image and its arguments (neither holds a key)."""
        return hashlib.sha256(
            json.dumps([self.launch.image, *self.launch.args, *(self.launch.entrypoint or ())]).encode()
        ).hexdigest()[:16]


def rental_of(offer: Offer, launch: LaunchRequest) -> Rental:
    """The offer with what would run on it, at the offer's prices for that disk and that download."""
    price = price_of(offer, disk_gb=launch.disk_gb, download_gb=launch.download_gb, hours=Decimal(1))
    return Rental(
        offer=offer,
        launch=launch,
        gpu_usd_per_hour=price.gpu_usd_per_hour,
        disk_usd_per_hour=price.disk_usd_per_hour,
        download_usd=price.download_usd,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far `bring_up` may go.

    `ends_by_itself` makes the end of the lease its end, `idle_stop_s` so many seconds without work (None: never);
    `dead_man_s` after its first start a timer within it ends it (None: there is none).
    `hedge` is how many machines are started at once: the first that answers stays, the others are removed again.
    `max_wait_s` is per machine, from its create to its first answer, and as much before it for an image to be pulled;
    None takes the template's rule, or without one a generous estimate from the size of what it downloads.
    `max_spend_usd` is for all attempts together; None allows what the other limits allow. `max_usd_per_hour` caps GPU
    and disk together; None allows 5 % above the price that was shown, once: what is agreed for a rental is kept with
    the deployment, and neither the price read before the create nor the one after moves it. For all rentals together
    see `UpRequest.most_usd_per_hour`.
    """

    max_attempts: int = 3
    max_wait_s: float | None = None
    max_spend_usd: Decimal | None = None
    max_usd_per_hour: Decimal | None = None
    lease_s: float = 24 * SECONDS_PER_HOUR
    hedge: int = 1
    ends_by_itself: bool = False
    idle_stop_s: float | None = None
    dead_man_s: float | None = None

    def wait_s(self, rental: Rental) -> float:
        """The longest wait for this machine, in seconds."""
        estimate = rental.launch.start_limit_s or _BASE_WAIT_S + _WAIT_S_PER_GB * rental.launch.download_gb
        return self.max_wait_s if self.max_wait_s is not None else estimate

    def cap(self, rental: Rental) -> Decimal:
        """The most that this machine may cost per hour, from the price that was shown."""
        return self.max_usd_per_hour if self.max_usd_per_hour is not None else rental.usd_per_hour * PRICE_SLACK

    def spend_usd(self, rentals: tuple[Rental, ...]) -> Decimal:
        """The most that may be spent before one serves or everything is removed again."""
        worst = sum((self._worst_usd(rental) for rental in rentals[: self.max_attempts]), ZERO)
        return worst if self.max_spend_usd is None else min(worst, self.max_spend_usd)

    def _worst_usd(self, rental: Rental) -> Decimal:
        hours = Decimal(str(self.wait_s(rental))) / SECONDS_PER_HOUR
        return self.cap(rental) * hours + rental.download_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class UpRequest:
    """A deployment to bring up: its name, the service it will serve, the rentals to try in order, and the limits.

    `model` is the Hub id that was asked for, `api_key` the key of the endpoint (not the account's). `wish` tells one
    way of asking from another: the same words typed again have the same wish, whatever the market offers by then.
    """

    name: str
    service: str
    model: str
    short_name: str
    plan_id: str | None
    rentals: tuple[Rental, ...]
    api_key: Secret
    limits: Limits
    wish: str | None = None

    @property
    def most_usd_per_hour(self) -> Decimal:
        """What one machine of it may cost per hour at the most, whichever it falls back to: shown, agreed to, and held.

        Counted are as many as may be tried, in their order, and the first on each of as many cards: where a card is to
        blame, another one comes next. Of others that stand in for what is gone, those that cost no more. 0 where there
        is nothing to rent.
        """
        most, first_of = self.limits.max_attempts, dict[str, Rental]()
        for rental in self.rentals:
            first_of.setdefault(rental.offer.cards, rental)
        reached = (*self.rentals[:most], *list(first_of.values())[:most])
        return max((self.limits.cap(each) for each in reached), default=ZERO)

    @property
    def within_agreement(self) -> tuple[Rental, ...]:
        """The rentals that cost no more than that, in their order."""
        most = self.most_usd_per_hour
        return tuple(each for each in self.rentals if each.usd_per_hour <= most)

    def cap(self, rental: Rental) -> Decimal:
        """The most that this machine may cost per hour: from its own price that was shown, and never above them all."""
        return min(self.limits.cap(rental), self.most_usd_per_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is going on, for whoever watches. `usd` is the most that all of the run can have cost so far.

    `bad_machine` is the provider's number of a machine that just failed by its own fault, for the reason in `detail`.
    `over` says how the phase ended, an empty one being the phase that was told last: True: it is done, False: it came
    to nothing. None: it goes on.
    """

    phase: str
    detail: str
    elapsed_s: float
    usd: Decimal
    bad_machine: str | None = None
    over: bool | None = None


OnProgress = Callable[[Progress], None]
