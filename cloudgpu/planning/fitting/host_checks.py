"""What is asked of the host and its price. A filter that is off is no check at all: nobody pays for it.

Facts that a source does not state pass; what would then go wrong is caught before the engine starts, by the provider or
by the health check.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from math import ceil, floor

from cloudgpu.base.money import show_usd
from cloudgpu.base.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, transfer_s
from cloudgpu.planning.fitting.check import Check, ratio
from cloudgpu.planning.fitting.reason import HARD, Reason
from cloudgpu.planning.fitting.requirements import Requirements
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.offers.reference import is_reference
from cloudgpu.planning.offers.region import stands_in
from cloudgpu.planning.readiness import readiness_of


@dataclass(frozen=True, slots=True)
class Rules:
    """What the checks are made from. `blocked` maps (provider, machine) to why it is not to be tried for a while."""

    needs: Needs
    required: Requirements
    blocked: Mapping[tuple[str, str], str]


def host_checks(rules: Rules) -> tuple[Check, ...]:
    """The checks that these needs ask for."""
    return tuple(check for make in _CHECKS if (check := make(rules)) is not None)


def _provider(rules: Rules) -> Check | None:
    wanted = rules.needs.providers
    return None if not wanted else Check(
        "provider",
        lambda offer: 0.0 if offer.provider in wanted else HARD,
        lambda offer: Reason("provider", f"offered by {offer.provider}, asked for {' or '.join(wanted)}"),
    )  # fmt: skip


def _blocked(rules: Rules) -> Check | None:
    blocked = rules.blocked

    def lacks(offer: Offer) -> float:
        return HARD if (offer.provider, offer.machine_id) in blocked else 0.0

    def say(offer: Offer) -> Reason:
        why = blocked[offer.provider, offer.machine_id or ""]
        passes = f"`cloudgpu offers unblock {offer.machine_id}` would let it pass"
        return Reason("blocked", f"machine {offer.machine_id}: {why}; {passes}", has=offer.machine_id)

    return Check("blocked", lacks, say) if blocked else None


def _region(rules: Rules) -> Check | None:
    wanted = rules.needs.regions

    def lacks(offer: Offer) -> float:
        return 0.0 if is_reference(offer) or any(stands_in(offer, region) for region in wanted) else HARD

    def say(offer: Offer) -> Reason:
        where = offer.location or "an unnamed place"
        return Reason("region", f"stands in {where}, asked for {' or '.join(wanted)}", needed=" or ".join(wanted))

    return Check("region", lacks, say) if wanted else None


def _unverified(rules: Rules) -> Check | None:
    said = "the host is not verified by its provider; --unverified would allow it"
    return None if not rules.needs.verified_only else Check(
        "unverified",
        lambda offer: HARD if offer.verified is False else 0.0,
        lambda _offer: Reason("unverified", said),
    )  # fmt: skip


def _reliability(rules: Rules) -> Check | None:
    least = rules.needs.min_reliability

    def lacks(offer: Offer) -> float:
        has = offer.reliability
        return 0.0 if has is None or has >= least else ratio(least, has)

    def say(offer: Offer) -> Reason:
        has = offer.reliability or 0.0
        passes = floor(has * 1000) / 1000
        detail = f"reliability {has:.3f}, at least {least:g} asked for; --min-reliability {passes:g} would pass"
        return Reason("reliability", detail, has=has, needed=least)

    return Check("reliability", lacks, say) if least else None


def _interruptible(rules: Rules) -> Check | None:
    return None if rules.needs.interruptible else Check(
        "interruptible",
        lambda offer: HARD if offer.interruptible else 0.0,
        lambda _offer: Reason("interruptible", "a bid price: the machine goes to whoever bids more"),
    )  # fmt: skip


def _bid(rules: Rules) -> Check | None:
    def lacks(offer: Offer) -> float:
        on_demand = offer.on_demand_usd_per_hour
        if not offer.interruptible or on_demand is None or offer.gpu_usd_per_hour < on_demand:
            return 0.0
        return max(1.001, ratio(float(offer.gpu_usd_per_hour), float(on_demand)))

    def say(offer: Offer) -> Reason:
        bid, on_demand = offer.gpu_usd_per_hour, offer.on_demand_usd_per_hour or Decimal(0)
        detail = f"a bid costs {show_usd(bid, 4)}/h, the machine itself {show_usd(on_demand, 4)}/h on demand"
        return Reason("bid", detail, has=float(bid), needed=float(on_demand))

    return Check("bid", lacks, say) if rules.needs.interruptible else None


def _open_ports(rules: Rules) -> Check:
    least = rules.needs.ports
    return Check(
        "open_ports",
        lambda offer: 0.0 if (has := offer.open_ports) is None or has >= least else ratio(least, has),
        lambda offer: Reason("open_ports", f"{offer.open_ports} open ports, the endpoint needs {least}",
                             has=offer.open_ports, needed=least),
    )  # fmt: skip


def _rental_time(rules: Rules) -> Check:
    hours, least_s = rules.needs.hours, float(rules.needs.hours) * SECONDS_PER_HOUR

    def lacks(offer: Offer) -> float:
        has_s = offer.rentable_s
        return 0.0 if has_s is None or has_s >= least_s else ratio(least_s, has_s)

    def say(offer: Offer) -> Reason:
        has = floor((offer.rentable_s or 0.0) / SECONDS_PER_HOUR * 10) / 10
        passes = f"; --hours {has:.1f} would pass" if has else ""
        return Reason("rental_time", f"its host takes it back in {has:.1f} h, {hours} h asked for{passes}",
                      has=has, needed=float(hours))  # fmt: skip

    return Check("rental_time", lacks, say)


def _network(rules: Rules) -> Check:
    least, size_gb = rules.needs.min_download_mbps, rules.required.download_gb

    def lacks(offer: Offer) -> float:
        has = offer.download_mbps
        return 0.0 if has is None or has >= least else ratio(least, has)

    def say(offer: Offer) -> Reason:
        has = offer.download_mbps or 0.0
        minutes = f"{transfer_s(size_gb, has) / 60:.0f} min" if has else "for ever"
        detail = f"downloads at {has:.0f} Mbit/s ({minutes} for image and weights), {least:.0f} Mbit/s needed"
        return Reason("network", detail, has=has, needed=least)

    return Check("network", lacks, say)


def _ready(rules: Rules) -> Check | None:
    most_s, needs = rules.needs.max_wait_s, rules.needs
    if most_s is None:
        return None

    def cautious_s(offer: Offer) -> int:
        return readiness_of(offer, download_gb=rules.required.download_gb, is_cached=needs.weights_cached,
                            is_eager=needs.options.enforce_eager).cautious_s  # fmt: skip

    def lacks(offer: Offer) -> float:
        has_s = cautious_s(offer)
        return 0.0 if has_s <= most_s else ratio(has_s, most_s)

    def say(offer: Offer) -> Reason:
        minutes = ceil(cautious_s(offer) / 60)
        detail = (
            f"may take {minutes} min until it answers, {most_s / 60:g} min allowed; --max-wait {minutes} would pass"
        )
        return Reason("ready", detail, has=minutes, needed=most_s / 60)

    return Check("ready", lacks, say)


def _disk(rules: Rules) -> Check:
    needed = rules.required.disk_gb
    return Check(
        "disk",
        lambda offer: 0.0 if (has := offer.disk_gb) is None or has >= needed else ratio(needed, has),
        lambda offer: Reason("disk", f"{offer.disk_gb or 0:.0f} GB of disk, {needed} GB needed",
                             has=offer.disk_gb, needed=needed),
    )  # fmt: skip


def _host_ram(rules: Rules) -> Check:
    required = rules.required
    needed_by_count = [required.host_ram_gb(count) for count in range(65)]

    def lacks(offer: Offer) -> float:
        has = offer.host_ram_gb
        return (
            0.0
            if has is None or has >= needed_by_count[offer.gpu_count]
            else ratio(needed_by_count[offer.gpu_count], has)
        )

    def say(offer: Offer) -> Reason:
        has, needed = offer.host_ram_gb or 0.0, needed_by_count[offer.gpu_count]
        return Reason("host_ram", f"{has:.0f} GB of host memory, {needed:.0f} GB needed", has=has, needed=needed)

    return Check("host_ram", lacks, say)


def _cuda(rules: Rules) -> Check | None:
    needed = rules.required.min_cuda
    if needed is None:
        return None
    least = _version(needed)
    detail = "its driver runs CUDA up to {has}, the engine's image needs {needed}"
    return Check(
        "cuda",
        lambda offer: 0.0 if (has := offer.cuda_max) is None or _version(has) >= least else HARD,
        lambda offer: Reason("cuda", detail.format(has=offer.cuda_max, needed=needed), has=offer.cuda_max,
                             needed=needed),
    )  # fmt: skip


def _price(rules: Rules) -> Check | None:
    cap = rules.needs.max_usd_per_hour
    if cap is None:
        return None
    disk_gb, shown_cap = rules.required.disk_gb, show_usd(cap, 2 if cap == cap.quantize(_CENT) else 6)

    def hourly(offer: Offer) -> Decimal:
        return offer.gpu_usd_per_hour + offer.storage_usd_per_gb_month * disk_gb / HOURS_PER_MONTH

    def lacks(offer: Offer) -> float:
        has = hourly(offer)
        return 0.0 if has <= cap else max(1.001, ratio(float(has), float(cap)))

    def say(offer: Offer) -> Reason:
        has = hourly(offer)
        passes = has.quantize(_CENT, rounding=ROUND_CEILING)
        said = f"{show_usd(has, 3)}/h with disk is above the cap of {shown_cap}/h; --max-price {passes} would pass"
        return Reason("price", said, has=float(has), needed=float(cap))

    return Check("price", lacks, say)


_CENT = Decimal("0.01")

_CHECKS: tuple[Callable[[Rules], Check | None], ...] = (
    _provider, _blocked, _region, _unverified, _reliability, _interruptible, _bid, _open_ports, _rental_time,
    _network, _ready, _disk, _host_ram, _cuda, _price,
)  # fmt: skip


@lru_cache(maxsize=256)
def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
