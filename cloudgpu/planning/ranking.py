"""Judges offers and puts those that fit in order of their all-in price, or of what a token costs.

The order is total and does not depend on the order in which offers came. A second slice of a machine is no second
candidate: it stands with the cheapest one of that machine.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from cloudgpu.planning.candidate import Candidate, Slice
from cloudgpu.planning.fit import Case, refusals
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers import Offer
from cloudgpu.planning.price import Price, price_of
from cloudgpu.planning.reason import Rejection
from cloudgpu.planning.requirements import Requirements
from cloudgpu.planning.sized import sizer
from cloudgpu.sizing.models import Checkpoint


def judge(needs: Needs, offers: Iterable[Offer], required: Requirements) -> tuple[list[Case], tuple[Rejection, ...]]:
    """The offers that fit, unordered, and the refusals in a fixed order."""
    fitting: list[Case] = []
    rejections: list[Rejection] = []
    for case in _cases(needs, offers, required):
        reasons = refusals(case)
        if not reasons:
            fitting.append(case)
            continue
        offer = case.offer
        rejections.append(Rejection(provider=offer.provider, offer_id=offer.offer_id, gpu=offer.gpu,
                                    gpu_count=offer.gpu_count, reasons=reasons))  # fmt: skip
    rejections.sort(key=_rejection_order)
    return fitting, tuple(rejections)


def _rejection_order(rejection: Rejection) -> tuple[Any, ...]:
    reasons = tuple((reason.code, reason.detail) for reason in rejection.reasons)
    return rejection.provider, rejection.offer_id, rejection.gpu, rejection.gpu_count, reasons


def rank(fitting: Sequence[Case], needs: Needs, checkpoint: Checkpoint) -> tuple[Candidate, ...]:
    """Candidates in the order of the objective, one a machine: all-in price over the hours, or cost of a token."""
    machines: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(fitting, key=_ORDERS[needs.objective]):
        machines.setdefault(_machine(case.offer, len(machines)), []).append(case)
    return tuple(_candidate(rank, cases, needs, checkpoint) for rank, cases in enumerate(machines.values(), start=1))


def cheapest(needs: Needs, offers: Iterable[Offer], required: Requirements) -> Case | None:
    """The first fit in order of price, None when nothing fits: few offers are estimated on the way there."""
    sized = sizer(needs)
    priced = [(_price(offer, needs, required), offer) for offer in offers]
    for price, offer in sorted(priced, key=lambda pair: (pair[0].usd_total, pair[1].provider, pair[1].offer_id)):
        case = Case(offer, needs, price, required, sized(offer))
        if not refusals(case):
            return case
    return None


def _price(offer: Offer, needs: Needs, required: Requirements) -> Price:
    return price_of(offer, disk_gb=required.disk_gb, download_gb=required.download_gb, hours=needs.hours)


def _cases(needs: Needs, offers: Iterable[Offer], required: Requirements) -> Iterable[Case]:
    sized = sizer(needs)
    for offer in offers:
        yield Case(offer, needs, _price(offer, needs, required), required, sized(offer))


def _candidate(rank: int, cases: Sequence[Case], needs: Needs, checkpoint: Checkpoint) -> Candidate:
    best, *others = cases
    if best.sized.memory is None:
        raise ValueError(f"offer {best.offer.offer_id} fits without an estimate")
    return Candidate(
        rank=rank,
        offer=best.offer,
        tensor_parallel=best.offer.gpu_count,
        quantization=needs.options.quantization,
        checkpoint=checkpoint.repo_id,
        gpu_usd_per_hour=best.price.gpu_usd_per_hour,
        disk_usd_per_hour=best.price.disk_usd_per_hour,
        total_usd_per_hour=best.price.total_usd_per_hour,
        download_usd=best.price.download_usd,
        usd_total=best.price.usd_total,
        memory=best.sized.memory,
        spare_gib=best.sized.spare_gib,
        speed=best.sized.speed,
        usd_per_million_output_tokens=best.usd_per_million_tokens,
        other_slices=tuple(map(_slice, others)),
    )


def _slice(case: Case) -> Slice:
    return Slice(offer_id=case.offer.offer_id, gpu_count=case.offer.gpu_count, usd_total=case.price.usd_total)


def _machine(offer: Offer, index: int) -> tuple[str, str]:
    """A machine that is not named is one of its own."""
    return offer.provider, offer.machine_id if offer.machine_id is not None else f"\0{index}"


def _order(case: Case) -> tuple[Any, ...]:
    """Cheapest over the hours first; then the more reliable, the faster, the smaller; then by name: nothing is tied."""
    offer = case.offer
    return (
        case.price.usd_total,
        -(offer.reliability or 0.0),
        -(offer.download_mbps or 0.0),
        offer.gpu_count,
        offer.provider,
        offer.offer_id,
        repr(offer),
    )


def _token_order(case: Case) -> tuple[Any, ...]:
    """Cheapest token first; cards of unknown speed after all others; then as by price."""
    cost = case.usd_per_million_tokens
    return cost is None, cost or 0, _order(case)


_ORDERS = {Objective.PRICE: _order, Objective.COST_PER_TOKEN: _token_order}
