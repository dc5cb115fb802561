"""Judges offers and puts those that fit in the order of the objective.

The order is total and does not depend on the order in which offers came. A second slice of a machine is no second
candidate: it stands with the best one of that machine. Only what a person or `up` may read is put in words: the best
machines and the nearest misses; everything else is counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nsmallest
from typing import Any

from cloudgpu.planning.candidate import Candidate, Slice
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.fitting.reason import Rejection
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers.offer import Offer

KEPT_CANDIDATES = 40
KEPT_REJECTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """An offer that fits and everything it costs over the hours."""

    offer: Offer
    usd_total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a market is to the needs. `rejections` are the nearest misses, in a fixed order; the counts are of all."""

    fitting: tuple[Priced, ...]
    rejected: int
    rejected_by_reason: Mapping[str, int]
    rejections: tuple[Rejection, ...]


def judge(fit: Fit, offers: Iterable[Offer]) -> Judged:
    """Ask every offer. Those that fit are unordered."""
    fitting: list[Priced] = []
    counts: Counter[str] = Counter()
    refused: list[tuple[int, float, str, str, Offer]] = []
    for offer in offers:
        lacks = fit.lacks(offer)
        if not lacks:
            fitting.append(Priced(offer=offer, usd_total=fit.price(offer).usd_total))
            continue
        counts.update([code for code, _ in lacks])
        known = len(lacks) + _is_untimed(fit, lacks)
        refused.append((known, max([lack for _, lack in lacks]), offer.provider, offer.offer_id, offer))
    nearest = nsmallest(KEPT_REJECTIONS, refused, key=_nearness)
    return Judged(
        fitting=tuple(fitting),
        rejected=len(refused),
        rejected_by_reason=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        rejections=tuple(sorted((_rejection(fit, miss[-1]) for miss in nearest), key=_rejection_order)),
    )


def _is_untimed(fit: Fit, lacks: Sequence[tuple[str, float]]) -> bool:
    """Whether a least speed is asked for that the offer may lack as well: what does not start has none to compare."""
    return fit.needs.min_tokens_per_s is not None and all(code != "speed" for code, _ in lacks)


def ordered(fit: Fit, fitting: Iterable[Priced]) -> list[Priced]:
    """The offers that fit in the order of the objective, best first."""
    order = _ORDERS[fit.needs.objective]
    return sorted(fitting, key=lambda each: order(fit, each))


def rank(fit: Fit, in_order: Sequence[Priced]) -> tuple[Candidate, ...]:
    """The best machines of offers in order, KEPT_CANDIDATES at most, each with its other slices."""
    machines: dict[tuple[str, str], list[Priced]] = {}
    for priced in in_order:
        machines.setdefault(_machine(priced.offer, len(machines)), []).append(priced)
    best = list(machines.values())[:KEPT_CANDIDATES]
    return tuple(_candidate(fit, rank, slices) for rank, slices in enumerate(best, start=1))


def machines_of(fitting: Iterable[Priced]) -> int:
    """How many machines stand behind these offers."""
    return len({_machine(priced.offer, number) for number, priced in enumerate(fitting)})


def cheapest(fit: Fit, offers: Iterable[Offer]) -> Offer | None:
    """The first fit in order of price, None when nothing fits.

    Walks up the price of the GPUs alone and stops where that exceeds all of the best so far: few offers are judged.
    """
    hours, best = fit.needs.hours, None
    for offer in sorted(offers, key=lambda offer: offer.gpu_usd_per_hour):
        if best is not None and offer.gpu_usd_per_hour * hours > best[0]:
            break
        if not fit.lacks(offer):
            found = (fit.price(offer).usd_total, offer.provider, offer.offer_id, _Last(offer))
            best = found if best is None else min(best, found)
    return None if best is None else best[-1].offer


def price_key(priced: Priced) -> tuple[Any, ...]:
    """For sorting by price alone where nothing may be left to the order in which offers came."""
    return priced.usd_total, priced.offer.offer_id, _Last(priced.offer)


def candidate_of(fit: Fit, rank: int, offer: Offer, others: Sequence[Priced] = ()) -> Candidate:
    """The offer as a candidate. Raises ValueError for one without a memory estimate: it was never judged."""
    sized, readiness = fit.sized(offer), fit.readiness(offer)
    if sized.memory is None:
        raise ValueError(f"offer {offer.offer_id} fits without an estimate")
    price = fit.price(offer, readiness)
    return Candidate(
        rank=rank,
        offer=offer,
        tensor_parallel=offer.gpu_count,
        quantization=fit.needs.options.quantization,
        checkpoint=fit.checkpoint.repo_id,
        gpu_usd_per_hour=price.gpu_usd_per_hour,
        disk_usd_per_hour=price.disk_usd_per_hour,
        total_usd_per_hour=price.total_usd_per_hour,
        download_usd=price.download_usd,
        usd_total=price.usd_total,
        memory=sized.memory,
        gpu_memory_utilization=sized.gpu_memory_utilization,
        spare_gib=sized.spare_gib,
        speed=fit.speed(offer),
        usd_per_million_output_tokens=fit.usd_per_million_tokens(offer, price.usd_total),
        readiness=readiness,
        ready_usd=price.ready_usd,
        overlap_usd=price.overlap_usd,
        other_slices=tuple(map(_slice, others)),
    )


def _candidate(fit: Fit, rank: int, slices: Sequence[Priced]) -> Candidate:
    best, *others = slices
    return candidate_of(fit, rank, best.offer, others)


def _slice(priced: Priced) -> Slice:
    return Slice(offer_id=priced.offer.offer_id, gpu_count=priced.offer.gpu_count, usd_total=priced.usd_total)


def _rejection(fit: Fit, offer: Offer) -> Rejection:
    return Rejection(provider=offer.provider, offer_id=offer.offer_id, gpu=offer.gpu, gpu_count=offer.gpu_count,
                     reasons=fit.reasons(offer))  # fmt: skip


def _nearness(miss: tuple[int, float, str, str, Offer]) -> tuple[Any, ...]:
    return (*miss[:-1], _Last(miss[-1]))


def _rejection_order(rejection: Rejection) -> tuple[Any, ...]:
    reasons = tuple((reason.code, reason.detail) for reason in rejection.reasons)
    return rejection.provider, rejection.offer_id, rejection.gpu, rejection.gpu_count, reasons


def _machine(offer: Offer, index: int) -> tuple[str, str]:
    """A machine that is not named is one of its own."""
    return offer.provider, offer.machine_id if offer.machine_id is not None else f"\0{index}"


class _Last:
    """The last word between offers that are equal in all else; written out only then."""

    __slots__ = ("offer",)

    def __init__(self, offer: Offer) -> None:
        self.offer = offer

    def __lt__(self, other: "_Last") -> bool:
        return repr(self.offer) < repr(other.offer)


def _by_price(_fit: Fit, priced: Priced) -> tuple[Any, ...]:
    """Cheapest over the hours first; then the more reliable, the faster, the smaller; then by name: nothing is tied."""
    offer = priced.offer
    return (
        priced.usd_total,
        -(offer.reliability or 0.0),
        -(offer.download_mbps or 0.0),
        offer.gpu_count,
        offer.provider,
        offer.offer_id,
        _Last(offer),
    )


def _by_token(fit: Fit, priced: Priced) -> tuple[Any, ...]:
    """Cheapest token first; cards of unknown speed after all others; then as by price."""
    cost = fit.usd_per_million_tokens(priced.offer, priced.usd_total)
    return (cost is None, cost or 0, *_by_price(fit, priced))


def _by_readiness(fit: Fit, priced: Priced) -> tuple[Any, ...]:
    return (fit.readiness(priced.offer).total_s, *_by_price(fit, priced))


def _by_reliability(fit: Fit, priced: Priced) -> tuple[Any, ...]:
    """Most reliable first; hosts that nobody rates after all others."""
    has = priced.offer.reliability
    return (has is None, -(has or 0.0), *_by_price(fit, priced))


_ORDERS = {
    Objective.PRICE: _by_price,
    Objective.COST_PER_TOKEN: _by_token,
    Objective.TIME_TO_READY: _by_readiness,
    Objective.RELIABILITY: _by_reliability,
}
