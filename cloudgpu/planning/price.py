"""The all-in price: GPUs, the disk that is really needed, the download, and the minutes that bill before it serves.

Exact: rates are quantised once, to a trillionth of a dollar, as the ledger keeps them.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from cloudgpu.base.money import PICO, ZERO
from cloudgpu.base.units import HOURS_PER_MONTH
from cloudgpu.planning.offers import Offer
from cloudgpu.planning.readiness import Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an offer costs for a plan: rates per hour, what is paid once, and everything over `hours` of serving."""

    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    total_usd_per_hour: Decimal
    download_usd: Decimal
    ready_usd: Decimal
    usd_total: Decimal


def price_of(
    offer: Offer, *, disk_gb: int, download_gb: float, hours: Decimal, readiness: Readiness | None = None
) -> Price:
    """The all-in price of an offer. `download_gb` is image and weights; some providers charge no traffic.

    `readiness` None: the hours are counted from the create, nothing is added for the minutes before it serves.
    """
    gpu = _pico(offer.gpu_usd_per_hour)
    disk = _pico(offer.storage_usd_per_gb_month * disk_gb / HOURS_PER_MONTH)
    download = _pico(offer.download_usd_per_gb * Decimal(repr(download_gb)))
    ready = ZERO if readiness is None else _pico(readiness.usd(gpu, disk))
    return Price(
        gpu_usd_per_hour=gpu,
        disk_usd_per_hour=disk,
        total_usd_per_hour=gpu + disk,
        download_usd=download,
        ready_usd=ready,
        usd_total=_pico((gpu + disk) * hours + download + ready),
    )


def overlap_usd(old_usd_per_hour: Decimal, new: Price, readiness: Readiness, window_s: int) -> Decimal:
    """What a migration costs on top of the new side's hours: the old side while the new one starts, and both while a
    rollback stays possible (`window_s` seconds), counting the new side's own start and download.
    """
    both_s = Decimal(readiness.total_s + window_s)
    return _pico(old_usd_per_hour * both_s / 3600 + new.ready_usd + new.download_usd)


def _pico(amount: Decimal) -> Decimal:
    return amount.quantize(PICO, rounding=ROUND_HALF_EVEN)
