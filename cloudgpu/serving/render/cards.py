"""The names that other tools give to cards."""

import re

_SKYPILOT = {
    "A100 PCIe 40GB": "A100", "A100 SXM4 40GB": "A100", "A100 PCIe 80GB": "A100-80GB", "A100 SXM4 80GB": "A100-80GB",
    "H100 SXM": "H100", "H100 PCIe": "H100", "H100 NVL": "H100", "RTX A6000": "RTXA6000", "RTX A5000": "RTXA5000",
    "RTX A4000": "RTXA4000", "V100 SXM2 16GB": "V100", "V100 SXM2 32GB": "V100-32GB", "Tesla T4": "T4",
    "RTX 6000 Ada": "RTX6000-Ada",
}  # fmt: skip


def skypilot_name(gpu: str) -> str:
    """`RTX 4090` as `RTX4090`, `A100 SXM4 80GB` as `A100-80GB`."""
    return _SKYPILOT.get(gpu) or re.sub(r"\s+", "", gpu)


def dstack_name(gpu: str) -> str:
    """dstack names families (`A100`); the memory beside the name tells their sizes apart."""
    plain = re.sub(r"\b(SXM\d?|PCIe|NVL|\d+\s*GB|Tesla)\b", "", gpu)
    return re.sub(r"[\s-]+", "", plain)
