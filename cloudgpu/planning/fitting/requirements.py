"""What a plan demands of every machine, worked out once: download, disk, driver, host memory."""

from dataclasses import dataclass

from cloudgpu.base.units import GB, MIB
from cloudgpu.planning.disk import check_disk, disk_gb_for, download_gb_for
from cloudgpu.planning.needs import Needs
from cloudgpu.sizing.model import Checkpoint

ADAPTER_GB = 1.0
"""Allowance for a LoRA adapter: rank 64 over all layers of a 14B model is 0.5 GB."""

HOST_RAM_GB = 8.0
HOST_RAM_GB_PER_GPU = 4.0
"""Weights pass through the page cache, which gives way; what must stay is the server and one worker a GPU.
An assumption on the safe side, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What is the same for every offer. `download_gb` is image, weights and adapter; `min_cuda` None: any driver.

    `least_memory_mib` of all GPUs together is a floor for asking providers: a market of thousands answers in part.
    """

    download_gb: float
    disk_gb: int
    min_cuda: str | None
    least_memory_mib: int

    def host_ram_gb(self, gpu_count: int) -> float:
        """GB of host memory for an engine on so many GPUs."""
        return HOST_RAM_GB + HOST_RAM_GB_PER_GPU * gpu_count


def requirements_of(needs: Needs, checkpoint: Checkpoint) -> Requirements:
    """The requirements of serving `checkpoint`.

    Raises UsageError for an engine that we do not know, and for a disk that was asked for but cannot hold it.
    """
    adapter_gb = ADAPTER_GB if needs.adapter else 0.0
    if needs.disk_gb is not None:
        check_disk(needs.disk_gb, checkpoint.download_gb + adapter_gb)
    return Requirements(
        download_gb=download_gb_for(checkpoint.download_gb, adapter_gb),
        disk_gb=needs.disk_gb or disk_gb_for(checkpoint.download_gb + adapter_gb),
        min_cuda=needs.options.profile().min_cuda,
        least_memory_mib=least_memory_mib(checkpoint),
    )


def least_memory_mib(checkpoint: Checkpoint) -> int:
    """MiB of all GPUs together below which no engine holds these weights: a floor for searching, never a verdict."""
    loaded_gb = checkpoint.download_gb * (_ONLINE_SHARE if checkpoint.online else 1.0)
    return int(loaded_gb * GB / MIB * _SAFE_SHARE)


_ONLINE_SHARE = 0.5
"""Weights that the engine quantises while it loads take half of what is downloaded, or more."""

_SAFE_SHARE = 0.9
