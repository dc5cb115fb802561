"""Whether an offer fits. Every check is asked, so that an offer which fails twice says so."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.planning.fitting.card_checks import CardCase, card_reasons
from cloudgpu.planning.fitting.host_checks import Rules, host_checks
from cloudgpu.planning.fitting.reason import Reason
from cloudgpu.planning.fitting.requirements import Requirements, requirements_of
from cloudgpu.planning.fitting.sized import Sized, Sizer, measured_on
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import usd_per_million_tokens
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.price import Price, overlap_usd, price_of
from cloudgpu.planning.readiness import Readiness, readiness_of
from cloudgpu.sizing.model import Checkpoint
from cloudgpu.sizing.speed import SpeedEstimate


class Fit:
    """The needs, ready to be asked of many offers. What is the same for many of them is worked out once.

    Raises UsageError for an engine or number format that is not known.
    """

    def __init__(
        self, needs: Needs, checkpoint: Checkpoint, blocked: Mapping[tuple[str, str], str] | None = None
    ) -> None:
        self.needs = needs
        self.checkpoint = checkpoint
        self.required: Requirements = requirements_of(needs, checkpoint)
        self._sizer = Sizer(needs)
        self._checks = host_checks(Rules(needs, self.required, blocked or {}))
        self._asked = [(check.code, check.lacks) for check in self._checks]
        self._cards: dict[tuple[object, ...], tuple[Reason, ...]] = {}

    def lacks(self, offer: Offer) -> list[tuple[str, float]]:
        """(code, shortfall) of every refusal; empty when the offer fits."""
        found = [(code, lack) for code, lacks in self._asked if (lack := lacks(offer))]
        cards = self._card_reasons(offer)
        return [*found, *((reason.code, reason.shortfall) for reason in cards)] if cards else found

    def reasons(self, offer: Offer) -> tuple[Reason, ...]:
        """Every reason against the offer, in words; empty when it fits."""
        found = [replace(check.say(offer), shortfall=lack) for check in self._checks if (lack := check.lacks(offer))]
        return (*found, *self._card_reasons(offer))

    def codes(self) -> tuple[str, ...]:
        """The codes of the checks of the host that these needs ask for."""
        return tuple(check.code for check in self._checks)

    def sized(self, offer: Offer) -> Sized:
        """The memory of the model on these cards."""
        return self._sizer.sized(offer)

    def speed(self, offer: Offer) -> SpeedEstimate | None:
        """How fast the model runs on these cards; None when it does not start or nobody knows."""
        return self._sizer.speed(offer)

    def readiness(self, offer: Offer) -> Readiness:
        """How long a cold start on this offer takes."""
        return readiness_of(offer, download_gb=self.required.download_gb, is_cached=self.needs.weights_cached,
                            is_eager=self.needs.options.enforce_eager)  # fmt: skip

    def price(self, offer: Offer, readiness: Readiness | None = None) -> Price:
        """The all-in price over the hours; the minutes until ready are worked out when they are not given."""
        required, needs = self.required, self.needs
        readiness = readiness or self.readiness(offer)
        old = needs.old_usd_per_hour
        return price_of(
            offer,
            disk_gb=required.disk_gb,
            download_gb=0.0 if needs.weights_cached else required.download_gb,
            hours=needs.hours,
            readiness=readiness,
            overlap=ZERO if old is None else overlap_usd(old, readiness, needs.rollback_window_s),
        )

    def usd_per_million_tokens(self, offer: Offer, usd_total: Decimal) -> Decimal | None:
        """Dollars for a million output tokens, None when nobody knows the speed."""
        speed = self.speed(offer)
        if speed is None:
            return None
        return usd_per_million_tokens(usd_total, self.needs.hours, speed.output_tokens_per_s)

    def _card_reasons(self, offer: Offer) -> tuple[Reason, ...]:
        if self.needs.min_tokens_per_s is None:
            key: tuple[object, ...] = (offer.gpu, offer.gpu_memory_mib, offer.gpu_count)
        else:
            key = (offer.gpu, offer.gpu_memory_mib, offer.gpu_count, measured_on(offer))
        found = self._cards.get(key)
        if found is None:
            speed = None if self.needs.min_tokens_per_s is None else self.speed(offer)
            found = self._cards[key] = card_reasons(CardCase(offer, self.needs, self.sized(offer), speed))
        return found
