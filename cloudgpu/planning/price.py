"""The all-in price: GPUs, the disk that is really needed, and the download of image and weights.

Exact: rates are quantised once, to a trillionth of a dollar, as the ledger keeps them.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from cloudgpu.base.money import PICO
from cloudgpu.base.units import HOURS_PER_MONTH
from cloudgpu.planning.offers import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an offer costs for a plan: rates per hour, the download once, and everything over `hours`."""

    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    total_usd_per_hour: Decimal
    download_usd: Decimal
    usd_total: Decimal


def price_of(offer: Offer, *, disk_gb: int, download_gb: float, hours: Decimal) -> Price:
    """The all-in price of an offer. `download_gb` is image and weights; some providers charge no traffic."""
    gpu = _pico(offer.gpu_usd_per_hour)
    disk = _pico(offer.storage_usd_per_gb_month * disk_gb / HOURS_PER_MONTH)
    download = _pico(offer.download_usd_per_gb * Decimal(repr(download_gb)))
    return Price(
        gpu_usd_per_hour=gpu,
        disk_usd_per_hour=disk,
        total_usd_per_hour=gpu + disk,
        download_usd=download,
        usd_total=_pico((gpu + disk) * hours + download),
    )


def _pico(amount: Decimal) -> Decimal:
    return amount.quantize(PICO, rounding=ROUND_HALF_EVEN)
