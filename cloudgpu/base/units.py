"""Units of memory, traffic and time, and the only place that converts between them.

GiB and MiB are powers of two (engines, torch and nvidia-smi mean these); GB is a power of ten (disks and traffic are
sold in it); Mbit/s is a power of ten (networks).
"""

KIB = 2**10
MIB = 2**20
GIB = 2**30
GB = 10**9

SECONDS_PER_HOUR = 3600
HOURS_PER_DAY = 24
HOURS_PER_MONTH = 720
"""Thirty days: the month in which both providers sell storage (Vast's own client divides by 720)."""

MIB_PER_GIB = 1024


def gib_from_bytes(count: float) -> float:
    """Bytes as GiB."""
    return count / GIB


def gib_from_mib(mib: float) -> float:
    """MiB (nvidia-smi, Vast `gpu_ram`) as GiB."""
    return mib / MIB_PER_GIB


def gb_from_bytes(count: float) -> float:
    """Bytes as GB, the unit of disks and of billed traffic."""
    return count / GB


def gb_from_gib(gib: float) -> float:
    """GiB as GB."""
    return gib * GIB / GB


def transfer_s(size_gb: float, speed_mbps: float) -> float:
    """Seconds to move `size_gb` gigabytes at `speed_mbps` megabits per second.

    Raises ValueError when the speed is not positive.
    """
    if speed_mbps <= 0:
        raise ValueError(f"a transfer needs a positive speed, not {speed_mbps} Mbit/s")
    return size_gb * 8000 / speed_mbps
