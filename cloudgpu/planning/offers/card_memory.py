"""Whether a card can have the memory that an offer claims for it."""

from functools import cache

from cloudgpu.planning.offers.row import UnreadableRowError
from cloudgpu.sizing.gpus import GpuSpec, all_gpus

MOST_TIMES = 2.1
"""Modded cards carry twice the chips, on offer are 22 GB for a 2080 Ti and 48 GB for a 4090; nobody solders more."""


def check_memory(field: str, known: GpuSpec | None, memory_mib: int) -> None:
    """Raises UnreadableRowError when no card of that kind has so much memory. `known` None: nothing to compare with.

    Less than usual passes: it is what will be planned with, and never too much. So does a mining card, whose memory is
    locked rather than missing: it is refused for what it is.
    """
    if known is None or known.name.startswith("CMP"):
        return
    if memory_mib > MOST_TIMES * _usual_mib()[known.name]:
        raise UnreadableRowError(f"{field} is absurd for {known.name}")


@cache
def _usual_mib() -> dict[str, int]:
    return {gpu.name: gpu.memory_mib for gpu in all_gpus()}
