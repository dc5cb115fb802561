"""How much disk a deployment needs, and how much it downloads before it can serve.

A disk that is too small ends in "no space left on device" after the weights were paid for; one that is too big is
billed by the hour, on some hosts at a tenth of the GPU's price.
"""

import math

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
    needed = IMAGE_DISK_GB + download_gb * FILES_MARGIN + SPARE_GB
    return max(LEAST_GB, math.ceil(needed / STEP_GB) * STEP_GB)


def download_gb_for(weights_gb: float, adapter_gb: float = 0.0) -> float:
    """GB that the instance fetches before it serves: image, weights, adapter."""
    return IMAGE_DOWNLOAD_GB + weights_gb + adapter_gb
