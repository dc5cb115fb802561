"""The whole story of one offer, and of one card: every check, with what it has and what would have passed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloudgpu.base.errors import NotFoundError
from cloudgpu.planning.candidate import Candidate, offer_as_json
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.fitting.reason import Reason, Rejection
from cloudgpu.planning.fitting.sized import Sized, Sizer
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.planning.ranking import candidate_of, judge, price_key
from cloudgpu.sizing.gpus import find_gpu

COUNTS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferStory:
    """One offer against the needs. `candidate` is priced and sized even when it is refused, None without an estimate.

    `place` is its rank by price among all offers that fit (slices counted), None when it is refused. `passed` are the
    codes of the checks that it passed.
    """

    offer: Offer
    candidate: Candidate | None
    reasons: tuple[Reason, ...]
    passed: tuple[str, ...]
    place: int | None
    fitting: int

    def as_json(self) -> dict[str, object]:
        """The form of `plan --explain --json`."""
        return {
            "fits": not self.reasons,
            "place": self.place,
            "fitting": self.fitting,
            "reasons": [reason.as_json() for reason in self.reasons],
            "passed": list(self.passed),
            "candidate": self.candidate.as_json() if self.candidate else None,
            "offer": offer_as_json(self.offer),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStory:
    """One card against the needs: its offers, counted by what refuses them, and how so many of it would hold the model.

    `nearest` is the refused offer that lacks least, None when none is refused. `sizes` maps a count to its memory.
    """

    gpu: str
    offers: int
    fitting: int
    rejected_by_reason: dict[str, int]
    nearest: Rejection | None
    sizes: dict[int, Sized]

    def as_json(self) -> dict[str, object]:
        """The form of `plan --why-not --json`."""
        return {
            "gpu": self.gpu,
            "offers": self.offers,
            "fitting": self.fitting,
            "rejected_by_reason": self.rejected_by_reason,
            "nearest": self.nearest.as_json() if self.nearest else None,
            "sizes": {str(count): _size_as_json(sized) for count, sized in self.sizes.items()},
        }


def story_of_offer(needs: Needs, market: Market, offer_id: str) -> OfferStory:
    """The story of the offer with that id. Raises NotFoundError when the market has none."""
    offer = next((each for each in market.offers if each.offer_id == offer_id), None)
    if offer is None:
        raise NotFoundError(
            f"this market has no offer {offer_id!r}",
            hint="offer ids die within minutes: take one from `cloudgpu plan MODEL --json` of this moment",
        )
    fit = Fit(needs, needs.checkpoint(), market.blocked)
    reasons = fit.reasons(offer)
    has_memory = fit.sized(offer).memory is not None
    fitting = sorted(judge(fit, market.offers).fitting, key=price_key)
    place = next((number for number, each in enumerate(fitting, 1) if each.offer is offer), None)
    failed = {reason.code for reason in reasons}
    unasked = () if has_memory and "memory" not in failed else ("memory", "kv_cache", "crowded")
    return OfferStory(
        offer=offer,
        candidate=candidate_of(fit, place or 0, offer) if has_memory else None,
        reasons=reasons,
        passed=tuple(code for code in (*fit.codes(), *_CARD_CODES) if code not in (*failed, *unasked)),
        place=place,
        fitting=len(fitting),
    )


def story_of_card(needs: Needs, market: Market, gpu: str) -> CardStory:
    """The story of one card, whatever --gpu says. Raises UnknownGpuError for a name that no card has."""
    card = find_gpu(gpu)
    asked = replace(needs, gpu=None)
    fit = Fit(asked, needs.checkpoint(), market.blocked)
    found = [offer for offer in market.offers if offer.gpu == card.name]
    judged = judge(fit, found)
    return CardStory(
        gpu=card.name,
        offers=len(found),
        fitting=len(judged.fitting),
        rejected_by_reason=dict(judged.rejected_by_reason),
        nearest=_nearest(judged.rejections),
        sizes={count: Sizer(asked).size(card.name, card.memory_mib, count) for count in COUNTS},
    )


def _nearest(rejections: Sequence[Rejection]) -> Rejection | None:
    return min(rejections, key=Rejection.distance, default=None)


def _size_as_json(sized: Sized) -> dict[str, object]:
    error = sized.layout_error or sized.hardware_error
    if sized.memory is None:
        return {"fits": False, "error": error, "floor_gib": sized.floor_gib}
    return {
        "fits": sized.fits,
        "spare_gib": round(sized.spare_gib, 2),
        "needed_gib": round(sized.needed_gib, 2),
        "usable_gib": round(sized.memory.requested_gib, 2),
        "longest_context": sized.memory.longest_context,
    }


_CARD_CODES = ("gpu_unknown", "gpu_unsuitable", "gpu_vendor", "capability", "layout", "memory", "kv_cache", "crowded")
