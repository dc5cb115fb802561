"""Whether an offer fits: one small check for each way it can fail.

Every check is asked, so that an offer which fails twice says so. Facts that a source does not state pass; what would
then go wrong is caught before the engine starts, by the provider or by the health check.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from math import floor

from cloudgpu.base.money import show_usd
from cloudgpu.base.units import SECONDS_PER_HOUR, transfer_s
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import usd_per_million_tokens
from cloudgpu.planning.offers import Offer
from cloudgpu.planning.price import Price
from cloudgpu.planning.reason import HARD, Reason
from cloudgpu.planning.reference_offers import is_reference
from cloudgpu.planning.region import stands_in
from cloudgpu.planning.requirements import Requirements
from cloudgpu.planning.sized import Sized


@dataclass(frozen=True, slots=True)
class Case:
    """An offer with all that is known of it when it is judged."""

    offer: Offer
    needs: Needs
    price: Price
    required: Requirements
    sized: Sized

    @property
    def usd_per_million_tokens(self) -> Decimal | None:
        """Dollars for a million output tokens, None when nobody knows the speed."""
        speed = self.sized.speed
        if speed is None:
            return None
        return usd_per_million_tokens(self.price.usd_total, self.needs.hours, speed.output_tokens_per_s)


def refusals(case: Case) -> tuple[Reason, ...]:
    """Every reason against the offer; empty when it fits."""
    return tuple(reason for check in CHECKS if (reason := check(case)) is not None)


def _provider(case: Case) -> Reason | None:
    wanted = case.needs.providers
    if not wanted or case.offer.provider in wanted:
        return None
    return Reason("provider", f"offered by {case.offer.provider}, asked for {' or '.join(wanted)}")


def _gpu(case: Case) -> Reason | None:
    if case.needs.gpu is None or case.offer.gpu == case.needs.gpu:
        return None
    return Reason("gpu", f"{case.offer.gpu}, asked for {case.needs.gpu}")


def _gpu_count(case: Case) -> Reason | None:
    wanted = case.needs.gpu_count
    if wanted is None or case.offer.gpu_count == wanted:
        return None
    return Reason("gpu_count", f"{case.offer.gpu_count} GPUs, asked for {wanted}")


def _region(case: Case) -> Reason | None:
    wanted = case.needs.regions
    if not wanted or is_reference(case.offer) or any(stands_in(case.offer, region) for region in wanted):
        return None
    return Reason("region", f"stands in {case.offer.location or 'an unnamed place'}, asked for {' or '.join(wanted)}")


def _unverified(case: Case) -> Reason | None:
    if not case.needs.verified_only or case.offer.verified is not False:
        return None
    return Reason("unverified", "the host is not verified by its provider; --unverified would allow it")


def _reliability(case: Case) -> Reason | None:
    has, least = case.offer.reliability, case.needs.min_reliability
    if has is None or has >= least:
        return None
    return Reason("reliability", f"reliability {has:.3f}, at least {least:g} asked for", _ratio(least, has))


def _interruptible(case: Case) -> Reason | None:
    if case.needs.interruptible or not case.offer.interruptible:
        return None
    return Reason("interruptible", "a bid price: the machine goes to whoever bids more")


def _open_ports(case: Case) -> Reason | None:
    has = case.offer.open_ports
    if has is None or has >= case.needs.ports:
        return None
    return Reason("open_ports", f"{has} open ports, the endpoint needs {case.needs.ports}")


def _rental_time(case: Case) -> Reason | None:
    has_s = case.offer.rentable_s
    if has_s is None or has_s >= float(case.needs.hours) * SECONDS_PER_HOUR:
        return None
    hours = has_s / SECONDS_PER_HOUR
    return Reason("rental_time", f"its host takes it back in {hours:.1f} h, {case.needs.hours} h asked for; "
                  f"--hours {hours:.1f} would pass", _ratio(float(case.needs.hours), hours))  # fmt: skip


def _network(case: Case) -> Reason | None:
    has, least = case.offer.download_mbps, case.needs.min_download_mbps
    if has is None or has >= least:
        return None
    minutes = f"{transfer_s(case.required.download_gb, has) / 60:.0f} min" if has else "for ever"
    return Reason("network", f"downloads at {has:.0f} Mbit/s ({minutes} for image and weights), "
                  f"{least:.0f} Mbit/s needed", _ratio(least, has))  # fmt: skip


def _disk(case: Case) -> Reason | None:
    has, needed = case.offer.disk_gb, case.required.disk_gb
    if has is None or has >= needed:
        return None
    return Reason("disk", f"{has:.0f} GB of disk, {needed} GB needed", _ratio(needed, has))


def _host_ram(case: Case) -> Reason | None:
    has, needed = case.offer.host_ram_gb, case.required.host_ram_gb(case.offer.gpu_count)
    if has is None or has >= needed:
        return None
    return Reason("host_ram", f"{has:.0f} GB of host memory, {needed:.0f} GB needed", _ratio(needed, has))


def _cuda(case: Case) -> Reason | None:
    has, needed = case.offer.cuda_max, case.required.min_cuda
    if has is None or needed is None or _version(has) >= _version(needed):
        return None
    return Reason("cuda", f"its driver runs CUDA up to {has}, the engine's image needs {needed}")


def _gpu_unknown(case: Case) -> Reason | None:
    if case.sized.gpu is not None:
        return None
    return Reason("gpu_unknown", f"no figures are known of {case.offer.gpu}")


def _gpu_unsuitable(case: Case) -> Reason | None:
    if not case.offer.gpu.upper().startswith("CMP"):
        return None
    return Reason("gpu_unsuitable", f"{case.offer.gpu} is a mining card: its memory bus and PCIe link are cut down")


def _gpu_vendor(case: Case) -> Reason | None:
    gpu = case.sized.gpu
    if gpu is None or gpu.vendor == "NVIDIA":
        return None
    return Reason("gpu_vendor", f"a card of {gpu.vendor}, the engine's image is built for NVIDIA's CUDA")


def _capability(case: Case) -> Reason | None:
    if case.sized.hardware_error is None:
        return None
    return Reason("capability", case.sized.hardware_error)


def _layout(case: Case) -> Reason | None:
    if case.sized.layout_error is None:
        return None
    return Reason("layout", case.sized.layout_error)


def _memory(case: Case) -> Reason | None:
    memory = case.sized.memory
    if memory is None or memory.refusal != "weights":
        return None
    needed, has = case.sized.needed_gib, memory.requested_gib
    detail = f"{needed:.1f} GiB a GPU needed, {has:.1f} GiB usable of {memory.total_gib:.1f} GiB"
    return Reason("memory", detail, _ratio(needed, has))


def _kv_cache(case: Case) -> Reason | None:
    memory = case.sized.memory
    if memory is None or memory.refusal == "weights" or case.sized.holds_cache:
        return None
    left, asked = max(0.0, memory.kv_cache_gib), case.sized.cache_gib
    if left >= asked:
        return Reason("kv_cache", f"{memory.used_gib:.1f} GiB a GPU with CUDA graphs and context do not fit its "
                      f"{memory.total_gib:.1f} GiB", _ratio(memory.used_gib, memory.total_gib))  # fmt: skip
    passes = (
        f"--context {memory.longest_context} would pass"
        if case.sized.concurrency == 1
        else (f"--concurrency {int(memory.sequences_at_context)} would pass")
    )
    detail = f"{left:.1f} GiB a GPU left for the cache, {asked:.1f} GiB needed; {passes}"
    return Reason("kv_cache", detail, _ratio(case.sized.needed_gib, memory.requested_gib))


def _speed(case: Case) -> Reason | None:
    least, speed = case.needs.min_tokens_per_s, case.sized.speed
    if least is None or case.sized.memory is None or not case.sized.memory.starts:
        return None
    if speed is None:
        return Reason("speed", f"how fast {case.offer.gpu} is nobody knows, {least:g} tokens/s asked for")
    has = speed.output_tokens_per_s
    if has >= least:
        return None
    passes = f"--min-tokens-per-s {floor(has * 10) / 10:g} would pass"
    detail = f"{has:.1f} tokens/s at {speed.concurrency} at a time, {least:g} asked for; {passes}"
    return Reason("speed", detail, _ratio(least, has))


def _price(case: Case) -> Reason | None:
    cap, has = case.needs.max_usd_per_hour, case.price.total_usd_per_hour
    if cap is None or has <= cap:
        return None
    passes = has.quantize(_CENT, rounding=ROUND_CEILING)
    detail = f"{show_usd(has, 3)}/h with disk is above the cap of {show_usd(cap)}/h; --max-price {passes} would pass"
    return Reason("price", detail, float(has / cap) if cap > 0 else HARD)


_CENT = Decimal("0.01")

CHECKS: tuple[Callable[[Case], Reason | None], ...] = (
    _provider, _gpu, _gpu_count, _region, _unverified, _reliability, _interruptible, _open_ports, _rental_time,
    _network, _disk, _host_ram, _cuda, _gpu_unknown, _gpu_unsuitable, _gpu_vendor, _capability, _layout, _memory,
    _kv_cache, _speed, _price,
)  # fmt: skip


def _ratio(needed: float, has: float) -> float:
    return min(HARD, needed / has) if has > 0 else HARD


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
