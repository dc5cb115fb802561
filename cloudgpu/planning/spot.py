"""Interruptible machines beside the plan: what a bid saves, and what every interruption costs.

Vast.ai states with each offer the least bid that it takes; it may lie above the price on demand, and is then refused.
The plan itself stays on demand; `up --spot` bids.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from cloudgpu.base.money import PICO, exact_text
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.planning.ranking import candidate_of, judge, price_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """The cheapest bid that fits. `saves_usd` is over the hours, before any interruption, against the plan's cheapest.

    `interruption_usd` is what one costs: minutes that bill without serving, and the download again; `interruption_s`
    how long nothing answers, at the least. `break_even` interruptions over the hours eat up the saving.
    """

    candidate: Candidate
    saves_usd: Decimal
    interruption_usd: Decimal
    interruption_s: int
    bids: int
    above_on_demand: int

    @property
    def break_even(self) -> int:
        """So many interruptions over the hours cost more than the bid saves; 0: it saves nothing."""
        if self.saves_usd <= 0:
            return 0
        return int(self.saves_usd / self.interruption_usd) + 1 if self.interruption_usd else 1_000

    def as_json(self) -> dict[str, object]:
        """The form of `plan --spot --json`."""
        return {
            "candidate": self.candidate.as_json(),
            "saves_usd": exact_text(self.saves_usd),
            "interruption_usd": exact_text(self.interruption_usd),
            "interruption_s": self.interruption_s,
            "break_even_interruptions": self.break_even,
            "bids": self.bids,
            "above_on_demand": self.above_on_demand,
        }


def spot_of(needs: Needs, market: Market, cheapest: Candidate | None) -> Spot | None:
    """What bidding would save against `cheapest`, None when no bid fits or nothing fits on demand."""
    bids = tuple(bids_of(market.offers))
    if not bids or cheapest is None:
        return None
    fit = Fit(replace(needs, interruptible=True), needs.checkpoint(), market.blocked)
    judged = judge(fit, bids)
    if not judged.fitting:
        return None
    best = candidate_of(fit, 1, min(judged.fitting, key=price_key).offer)
    return Spot(
        candidate=best,
        saves_usd=(cheapest.usd_total - best.usd_total).quantize(PICO, rounding=ROUND_HALF_EVEN),
        interruption_usd=best.ready_usd + best.download_usd,
        interruption_s=best.readiness.total_s,
        bids=len(bids),
        above_on_demand=judged.rejected_by_reason.get("bid", 0),
    )


def bids_of(offers: Iterable[Offer]) -> Iterator[Offer]:
    """Every offer that states a least bid, at that bid."""
    for offer in offers:
        if offer.interruptible:
            yield offer
        elif offer.min_bid_usd_per_hour is not None:
            yield replace(offer, interruptible=True, gpu_usd_per_hour=offer.min_bid_usd_per_hour,
                          on_demand_usd_per_hour=offer.gpu_usd_per_hour)  # fmt: skip
