"""How long an offer takes from its create to its first answer, and which of these minutes already bill.

    image and weights / (0.7 x the host's network, 1 Gbit/s at most) + weights / disk + compile + warm-up

Figures from reports of cold starts (vLLM 0.8 to 0.33; a 16 GB image in 165 s on a data centre's line, a 35B model
on one card in 277 s); an estimate, with `cautious_s` half as long again. Nothing here is measured on your host.
"""

from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.units import SECONDS_PER_HOUR
from cloudgpu.planning.disk import IMAGE_DOWNLOAD_GB
from cloudgpu.planning.offers.offer import Offer

USABLE_SHARE = 0.7
"""Of the line that a host measured, what a download of large files reaches."""

MOST_MBPS = 1000.0
"""What registry and hub send to one client, however fast the host."""

UNSTATED_MBPS = 1000.0
"""Where the source names no speed (RunPod, which pulls 16 GB in under three minutes)."""

DISK_GB_PER_S = 1.0
LEAST_DISK_GB_PER_S, MOST_DISK_GB_PER_S = 0.1, 1.5
COMPILE_S = 60
WARM_UP_S = 120
EAGER_WARM_UP_S = 30
CAUTION = 1.5

_PULLS_FREE = ("vast", "emulator", "docker")
"""Where GPUs bill from the container's start on; elsewhere they are taken to bill from the create on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Seconds of each step of a cold start. `gpu_billed_s`: how many of them GPUs are paid for."""

    pull_s: int
    download_s: int
    load_s: int
    compile_s: int
    warm_up_s: int
    gpu_billed_s: int

    @property
    def total_s(self) -> int:
        """From the create to the first answer."""
        return self.pull_s + self.download_s + self.load_s + self.compile_s + self.warm_up_s

    @property
    def cautious_s(self) -> int:
        """What a careful person waits for: half as long again."""
        return round(self.total_s * CAUTION)

    def usd(self, gpu_usd_per_hour: Decimal, disk_usd_per_hour: Decimal) -> Decimal:
        """What bills before the first answer, the download apart; not rounded."""
        return (gpu_usd_per_hour * self.gpu_billed_s + disk_usd_per_hour * self.total_s) / SECONDS_PER_HOUR

    def as_json(self) -> dict[str, int]:
        """The steps and their sums, in seconds."""
        steps = {name: getattr(self, name) for name in Readiness.__dataclass_fields__}
        return {**steps, "total_s": self.total_s, "cautious_s": self.cautious_s}


def readiness_of(offer: Offer, *, download_gb: float, is_cached: bool = False, is_eager: bool = False) -> Readiness:
    """The cold start on this offer. `download_gb` is image and weights; `is_cached`: both lie on the host already.

    A host that states no network speed is taken at UNSTATED_MBPS, one without a disk speed at DISK_GB_PER_S.
    """
    weights_gb = max(0.0, download_gb - IMAGE_DOWNLOAD_GB)
    seconds_per_gb = 0.0 if is_cached else _seconds_per_gb(offer.download_mbps)
    pull_s = round(IMAGE_DOWNLOAD_GB * seconds_per_gb)
    download_s, load_s = round(weights_gb * seconds_per_gb), round(weights_gb / _disk_gb_per_s(offer))
    compile_s, warm_up_s = (0, EAGER_WARM_UP_S) if is_eager else (COMPILE_S, WARM_UP_S)
    billed_s = download_s + load_s + compile_s + warm_up_s + (0 if offer.provider in _PULLS_FREE else pull_s)
    return Readiness(pull_s=pull_s, download_s=download_s, load_s=load_s, compile_s=compile_s, warm_up_s=warm_up_s,
                     gpu_billed_s=billed_s)  # fmt: skip


def _seconds_per_gb(stated_mbps: float | None) -> float:
    mbps = max(1.0, UNSTATED_MBPS if stated_mbps is None else stated_mbps)
    return 8000 / (USABLE_SHARE * min(mbps, MOST_MBPS))


def _disk_gb_per_s(offer: Offer) -> float:
    stated = offer.disk_mb_per_s
    if not stated:
        return DISK_GB_PER_S
    return min(MOST_DISK_GB_PER_S, max(LEAST_DISK_GB_PER_S, stated / 1000))
