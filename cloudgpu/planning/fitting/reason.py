"""Why an offer was refused, in words that name the number which would have passed."""

from dataclasses import dataclass

LABELS = {
    "provider": "another provider",
    "gpu": "another GPU than asked for",
    "gpu_count": "another number of GPUs than asked for",
    "region": "elsewhere",
    "unverified": "host not verified",
    "reliability": "host not reliable enough",
    "blocked": "machine that failed before",
    "bid": "bid above the price on demand",
    "ready": "too long until it answers",
    "interruptible": "may be taken away by a higher bid",
    "open_ports": "no open port",
    "rental_time": "not rentable long enough",
    "network": "network too slow",
    "disk": "disk too small",
    "host_ram": "too little host memory",
    "cuda": "driver too old for the engine",
    "gpu_unknown": "GPU that no figures are known of",
    "gpu_unsuitable": "mining card",
    "gpu_vendor": "GPU of another make than the engine's image",
    "capability": "GPU too old for the engine or the format",
    "layout": "model cannot be split over so many GPUs",
    "memory": "too little GPU memory for the model",
    "kv_cache": "too little GPU memory for the context",
    "crowded": "no room for CUDA graphs beside the engine's share",
    "speed": "too slow",
    "price": "above the price cap",
}
"""Every code of a refusal, with the words for counting it."""

HARD = 100.0
"""The shortfall of a yes-or-no refusal: no number would have passed."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One refusal. `shortfall` is needed over offered (1.2 = a fifth more was needed), to find the nearest miss.

    `has` is what the offer has, `needed` what would have passed, in the unit of the sentence; None: a yes or no.
    """

    code: str
    detail: str
    shortfall: float = HARD
    has: float | str | None = None
    needed: float | str | None = None

    def as_json(self) -> dict[str, object]:
        """The form inside of a rejection."""
        return {name: getattr(self, name) for name in Reason.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A refused offer with every reason."""

    provider: str
    offer_id: str
    gpu: str
    gpu_count: int
    reasons: tuple[Reason, ...]

    def distance(self) -> tuple[int, float, str]:
        """How far it is from fitting: fewest reasons first, then the smallest shortfall."""
        return len(self.reasons), max(reason.shortfall for reason in self.reasons), self.offer_id

    def as_json(self) -> dict[str, object]:
        """The form of the JSON contract."""
        return {
            "provider": self.provider,
            "offer_id": self.offer_id,
            "gpu": self.gpu,
            "gpu_count": self.gpu_count,
            "reasons": [reason.as_json() for reason in self.reasons],
        }
