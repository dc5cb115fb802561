"""An offer that fits, priced and ranked, with the other slices of its machine beside it."""

from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.money import exact_text
from cloudgpu.base.units import HOURS_PER_DAY, HOURS_PER_MONTH
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.readiness import Readiness
from cloudgpu.sizing.memory import MemoryEstimate
from cloudgpu.sizing.speed import SpeedEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Another slice of a candidate's machine: it fits as well, but it is no alternative when the machine fails."""

    offer_id: str
    gpu_count: int
    usd_total: Decimal

    def as_json(self) -> dict[str, object]:
        """The form inside of a candidate."""
        return {"offer_id": self.offer_id, "gpu_count": self.gpu_count, "usd_total": exact_text(self.usd_total)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An offer that fits, with its place in the ranking. `checkpoint` is the repository that would be served.

    `download_usd`, `ready_usd` (what bills before the first answer) and `overlap_usd` (the old side of a migration,
    while both run) are paid once; `usd_total` is everything over the plan's hours of serving. `spare_gib` is what a
    GPU has left beyond weights, working memory and the cache asked for. `speed` None: nobody knows how fast that
    card or engine is; then `usd_per_million_output_tokens` is None too. It counts everything over the hours, all of
    them busy. `gpu_memory_utilization` is the share of each card that the engine is started with.
    """

    rank: int
    offer: Offer
    tensor_parallel: int
    quantization: str | None
    checkpoint: str
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    total_usd_per_hour: Decimal
    download_usd: Decimal
    usd_total: Decimal
    memory: MemoryEstimate
    gpu_memory_utilization: float
    spare_gib: float
    speed: SpeedEstimate | None
    usd_per_million_output_tokens: Decimal | None
    readiness: Readiness
    ready_usd: Decimal
    overlap_usd: Decimal
    other_slices: tuple[Slice, ...] = ()

    @property
    def is_tight(self) -> bool:
        """Whether less is to spare than the error of the estimate, in the cache or for the CUDA graphs beside it."""
        return self.spare_gib < self.memory.error_band_gib or self.memory.crowds_card

    def as_json(self) -> dict[str, object]:
        """The form of the JSON contract, and `offer` whole, so that a plan file can be read back."""
        return {
            "rank": self.rank,
            "provider": self.offer.provider,
            "offer_id": self.offer.offer_id,
            "machine_id": self.offer.machine_id,
            "gpu": self.offer.gpu,
            "gpu_count": self.offer.gpu_count,
            "tensor_parallel": self.tensor_parallel,
            "quantization": self.quantization,
            "checkpoint": self.checkpoint,
            "usd_per_hour": {
                "gpu": exact_text(self.gpu_usd_per_hour),
                "disk": exact_text(self.disk_usd_per_hour),
                "total": exact_text(self.total_usd_per_hour),
            },
            "usd_once": {
                "download": exact_text(self.download_usd),
                "until_ready": exact_text(self.ready_usd),
                "overlap": exact_text(self.overlap_usd),
            },
            "usd_total": exact_text(self.usd_total),
            "usd_per_day": exact_text(self.total_usd_per_hour * HOURS_PER_DAY),
            "usd_per_month": exact_text(self.total_usd_per_hour * HOURS_PER_MONTH),
            "ready": self.readiness.as_json(),
            "memory": self.memory.as_json(),
            "gpu_memory_utilization": self.gpu_memory_utilization,
            "spare_gib": round(self.spare_gib, 3),
            "tight": self.is_tight,
            "speed": self.speed.as_json() if self.speed else None,
            "usd_per_million_output_tokens": _maybe_text(self.usd_per_million_output_tokens),
            "reliability": self.offer.reliability,
            "location": self.offer.location,
            "other_slices": [piece.as_json() for piece in self.other_slices],
            "offer": offer_as_json(self.offer),
        }


def _maybe_text(amount: Decimal | None) -> str | None:
    return None if amount is None else exact_text(amount)


def offer_as_json(offer: Offer) -> dict[str, object]:
    """Every field of an offer; money as text of digits."""
    fields = {name: getattr(offer, name) for name in Offer.__dataclass_fields__}
    return {name: exact_text(value) if isinstance(value, Decimal) else value for name, value in fields.items()}
