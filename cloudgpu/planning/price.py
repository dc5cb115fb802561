"""The all-in price: GPUs, the disk that is really needed, the download, the minutes that bill before it serves, and the
old side of a migration for as long as both run.

Exact: rates are quantised once, to a trillionth of a dollar, as the ledger keeps them.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from cloudgpu.base.money import PICO, ZERO
from cloudgpu.base.units import HOURS_PER_MONTH, SECONDS_PER_HOUR
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.readiness import Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an offer costs for a plan: rates per hour, what is paid once, and everything over `hours` of serving.

    `overlap_usd` is what the old side of a migration costs while both run, 0 where nothing is replaced.
    """

    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    total_usd_per_hour: Decimal
    download_usd: Decimal
    ready_usd: Decimal
    overlap_usd: Decimal
    usd_total: Decimal


def price_of(
    offer: Offer, *, disk_gb: int, download_gb: float, hours: Decimal, readiness: Readiness | None = None,
    overlap: Decimal = ZERO,
) -> Price:  # fmt: skip
    """The all-in price of an offer. `download_gb` is image and weights; some providers charge no traffic.

    `readiness` None: the hours are counted from the create, nothing is added for the minutes before it serves.
    `overlap` is what `overlap_usd` says of a migration.
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
        overlap_usd=overlap,
        usd_total=_pico((gpu + disk) * hours + download + ready + overlap),
    )


def overlap_usd(old_usd_per_hour: Decimal, readiness: Readiness, window_s: float) -> Decimal:
    """What a migration costs on top: the old side, which runs on while the new one starts, and then for as long as a
    rollback shall stay possible (`window_s` seconds). The new side's own start and hours are counted in its price.
    """
    return _pico(old_usd_per_hour * Decimal(repr(readiness.total_s + window_s)) / SECONDS_PER_HOUR)


def _pico(amount: Decimal) -> Decimal:
    return amount.quantize(PICO, rounding=ROUND_HALF_EVEN)
