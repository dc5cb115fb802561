"""What to fall back on: the best fits that differ in kind from the first one.

A second slice of its machine, or its next offer of the same card from the same place, fails together with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.ranking import Priced, candidate_of

KINDS = ("machine", "gpu", "provider")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """The best fit that differs from the plan's first one in these kinds, of KINDS; it is the best at its provider when
    that differs."""

    differs_in: tuple[str, ...]
    candidate: Candidate

    def as_json(self) -> dict[str, object]:
        """The form in `alternatives`."""
        return {"differs_in": list(self.differs_in), "candidate": self.candidate.as_json()}


def alternatives_of(fit: Fit, ordered: Sequence[Priced]) -> tuple[Alternative, ...]:
    """The first fits that differ in machine and in card, and the best of every other provider; `ordered` is best first.

    None of them is another slice of the first one's machine, and none stands twice: one may do for several kinds.
    """
    if not ordered:
        return ()
    first, chosen, seen = ordered[0].offer, [], {ordered[0].offer.provider}
    wanted = {"machine", "gpu"}
    for each in ordered[1:]:
        differences = _differences(first, each.offer)
        if wanted.intersection(differences) or each.offer.provider not in seen:
            chosen.append((differences, each.offer))
            wanted.difference_update(differences)
            seen.add(each.offer.provider)
    return tuple(
        Alternative(differs_in=differences, candidate=candidate_of(fit, rank, offer))
        for rank, (differences, offer) in enumerate(chosen, 1)
    )


def _differences(first: Offer, other: Offer) -> tuple[str, ...]:
    """In which kinds it differs; none at all for another slice of the same machine, or where nobody names machines."""
    elsewhere = other.provider != first.provider
    if not elsewhere and first.machine_id is not None and other.machine_id == first.machine_id:
        return ()
    named = elsewhere or (first.machine_id is not None and other.machine_id is not None)
    card = (other.gpu, other.gpu_memory_mib) != (first.gpu, first.gpu_memory_mib)
    return tuple(kind for kind, differs in zip(KINDS, (named, card, elsewhere), strict=True) if differs)
