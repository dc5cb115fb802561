"""What is asked of the cards, once for each card, memory size and count, however many offers have them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

from cloudgpu.base.units import gib_from_mib
from cloudgpu.planning.fitting.check import ratio
from cloudgpu.planning.fitting.reason import Reason
from cloudgpu.planning.fitting.sized import Sized
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.sizing.memory import layout_error
from cloudgpu.sizing.speed import SpeedEstimate


@dataclass(frozen=True, slots=True)
class CardCase:
    """One offer's cards against the needs. `speed` is asked for only when a least speed is."""

    offer: Offer
    needs: Needs
    sized: Sized
    speed: SpeedEstimate | None


def card_reasons(case: CardCase) -> tuple[Reason, ...]:
    """Every reason against these cards; empty when they fit."""
    return tuple(reason for check in CHECKS if (reason := check(case)) is not None)


def _gpu(case: CardCase) -> Reason | None:
    if case.needs.gpu is None or case.offer.gpu == case.needs.gpu:
        return None
    return Reason("gpu", f"{case.offer.gpu}, asked for {case.needs.gpu}", has=case.offer.gpu, needed=case.needs.gpu)


def _gpu_count(case: CardCase) -> Reason | None:
    has, wanted = case.offer.gpu_count, case.needs.gpu_count
    if wanted is None or has == wanted:
        return None
    return Reason("gpu_count", f"{has} GPUs, asked for {wanted}", has=has, needed=wanted)


def _gpu_unknown(case: CardCase) -> Reason | None:
    if case.sized.gpu is not None:
        return None
    return Reason("gpu_unknown", f"no figures are known of {case.offer.gpu}")


def _gpu_unsuitable(case: CardCase) -> Reason | None:
    if not case.offer.gpu.upper().startswith("CMP"):
        return None
    return Reason("gpu_unsuitable", f"{case.offer.gpu} is a mining card: its memory bus and PCIe link are cut down")


def _gpu_vendor(case: CardCase) -> Reason | None:
    gpu = case.sized.gpu
    if gpu is None or gpu.vendor == "NVIDIA":
        return None
    return Reason("gpu_vendor", f"a card of {gpu.vendor}, the engine's image is built for NVIDIA's CUDA",
                  has=gpu.vendor, needed="NVIDIA")  # fmt: skip


def _capability(case: CardCase) -> Reason | None:
    if case.sized.hardware_error is None:
        return None
    has = case.sized.gpu.compute_capability if case.sized.gpu else None
    return Reason("capability", case.sized.hardware_error, has=has)


def _layout(case: CardCase) -> Reason | None:
    error, has = case.sized.layout_error, case.offer.gpu_count
    if error is None:
        return None
    model, quantization = case.needs.model, case.needs.options.quantization
    passes = [count for count in range(1, 17) if layout_error(model, count, quantization=quantization) is None]
    nearest = max((count for count in passes if count < has), default=min(passes, default=None))
    return Reason("layout", error, has=has, needed=nearest)


def _memory(case: CardCase) -> Reason | None:
    memory, floor_gib = case.sized.memory, case.sized.floor_gib
    if floor_gib is not None:
        has = gib_from_mib(case.offer.gpu_memory_mib * case.offer.gpu_count)
        detail = f"{has:.1f} GiB on all cards, the weights alone take {floor_gib:.1f} GiB or more"
        return Reason("memory", detail, ratio(floor_gib, has), has=round(has, 2), needed=round(floor_gib, 2))
    if memory is None or memory.refusal != "weights":
        return None
    needed, has = case.sized.needed_gib, memory.requested_gib
    detail = f"{needed:.1f} GiB a GPU needed, {has:.1f} GiB usable of {memory.total_gib:.1f} GiB"
    return Reason("memory", detail, ratio(needed, has), has=round(has, 2), needed=round(needed, 2))


def _kv_cache(case: CardCase) -> Reason | None:
    memory, sized = case.sized.memory, case.sized
    if memory is None or memory.refusal == "weights" or sized.holds_cache:
        return None
    left, asked = max(0.0, memory.kv_cache_gib), sized.cache_gib
    detail = f"{left:.1f} GiB a GPU left for the cache, {asked:.1f} GiB needed; {_passing(sized)}"
    return Reason("kv_cache", detail, ratio(sized.needed_gib, memory.requested_gib), has=round(left, 2),
                  needed=round(asked, 2))  # fmt: skip


def _crowded(case: CardCase) -> Reason | None:
    """The engine claims its share first; graphs and the CUDA context come on top and must find room on the card."""
    memory = case.sized.memory
    if memory is None or not case.sized.is_crowded:
        return None
    used, has = memory.used_gib, memory.total_gib
    detail = f"{used:.2f} GiB a GPU in use with CUDA graphs and context, {has:.2f} GiB on the card"
    return Reason("crowded", detail, ratio(used, has), has=round(has, 2), needed=round(used, 2))


def _passing(sized: Sized) -> str:
    memory = sized.memory
    if memory is None:
        return ""
    sequences = int(memory.sequences_at_context)
    if sized.concurrency == 1 or sequences < 1:
        return f"--context {memory.longest_context} would pass" + ("" if sized.concurrency == 1 else ", one at a time")
    return f"--concurrency {sequences} would pass"


def _speed(case: CardCase) -> Reason | None:
    least, speed, memory = case.needs.min_tokens_per_s, case.speed, case.sized.memory
    if least is None or memory is None or not memory.starts:
        return None
    if speed is None:
        return Reason("speed", f"how fast {case.offer.gpu} is nobody knows, {least:g} tokens/s asked for")
    has = speed.output_tokens_per_s
    if has >= least:
        return None
    passes = f"--min-tokens-per-s {floor(has * 10) / 10:g} would pass"
    detail = f"{has:.1f} tokens/s at {speed.concurrency} at a time, {least:g} asked for; {passes}"
    return Reason("speed", detail, ratio(least, has), has=round(has, 1), needed=least)


CHECKS: tuple[Callable[[CardCase], Reason | None], ...] = (
    _gpu, _gpu_count, _gpu_unknown, _gpu_unsuitable, _gpu_vendor, _capability, _layout, _memory, _kv_cache,
    _crowded, _speed,
)  # fmt: skip
