"""How much disk a deployment needs, and how much it downloads before it can serve.

A disk that is too small ends in "no space left on device" after the weights were paid for; one that is too big is
billed by the hour, on some hosts at a tenth of the GPU's price.
"""

import math

from cloudgpu.base.errors import UsageError

IMAGE_DOWNLOAD_GB = 11.0
"""Compressed size of the vllm/vllm-openai image that a host pulls. An assumption, not measured per release."""

IMAGE_DISK_GB = 25.0
"""The same image unpacked, on the safe side: its Python environment alone is 9 to 10 GB, CUDA comes on top."""

FILES_MARGIN = 1.05
"""Weights on disk, with the hub's metadata and what a download keeps beside them."""

SPARE_GB = 4.0
"""Compile cache, logs, the adapter."""

LEAST_GB = 40
STEP_GB = 5


def disk_gb_for(download_gb: float) -> int:
    """GB of disk for weights of `download_gb`: image, weights with a margin, spare; rounded up to 5 GB, 40 at least."""
    return max(LEAST_GB, math.ceil(_needed_gb(download_gb) / STEP_GB) * STEP_GB)


def check_disk(disk_gb: int, download_gb: float) -> None:
    """Raises UsageError, with the number that would do, for a disk that weights of `download_gb` cannot fit.

    Every machine would run full in the middle of the paid download, so none is to be rented.
    """
    least_gb = math.ceil(_needed_gb(download_gb))
    if disk_gb < least_gb:
        raise UsageError(
            f"a disk of {disk_gb} GB is too small: the engine's image, {download_gb:.0f} GB of weights and what is "
            f"written beside them take {least_gb} GB",
            hint=f"--disk {least_gb} would do; without --disk it is chosen for you",
        )


def download_gb_for(weights_gb: float, adapter_gb: float = 0.0) -> float:
    """GB that the instance fetches before it serves: image, weights, adapter."""
    return IMAGE_DOWNLOAD_GB + weights_gb + adapter_gb


def _needed_gb(download_gb: float) -> float:
    return IMAGE_DISK_GB + download_gb * FILES_MARGIN + SPARE_GB
