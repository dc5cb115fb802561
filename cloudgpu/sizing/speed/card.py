"""What a card and its links do at their nominal figures."""

from dataclasses import dataclass

from cloudgpu.sizing.engines.profile import capability
from cloudgpu.sizing.gpus import GpuSpec

MEASURED_BANDWIDTH_SHARE = 0.90
"""What a copy reaches of the nominal bandwidth: 3.0 of 3.35 TB/s on H100, 4.3 of 4.8 on H200; offers report the same.
"""

_SWITCHED_NVLINK_GB_PER_S = 300
"""NVLink of so much joins all cards of a board (SXM); less is a bridge between two cards, which rented ones mostly
lack."""

_PCIE_3, _PCIE_4, _PCIE_5 = 16.0, 32.0, 64.0
"""Nominal GB/s of sixteen lanes, one way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSpeed:
    """Nominal speeds of one card: bytes and 16-bit operations a second; bytes a second to its neighbours, one way."""

    bytes_per_s: float
    flops: float
    link_bytes_per_s: float
    has_switch: bool
    compute_capability: str | None


def card_speed(gpu: GpuSpec, measured_gb_per_s: float | None = None) -> CardSpeed | None:
    """The speeds of a card, None when nobody publishes its bandwidth or its tensor operations.

    `measured_gb_per_s` is what a copy reached on the machine at hand; it stands in for the catalogue's nominal figure.
    """
    nominal = measured_gb_per_s / MEASURED_BANDWIDTH_SHARE if measured_gb_per_s else gpu.bandwidth_gb_per_s
    tflops = gpu.bf16_tflops or gpu.fp16_tflops
    if not nominal or not tflops:
        return None
    has_switch = _has_switch(gpu)
    link = (gpu.nvlink_gb_per_s or 0.0) / 2 if has_switch else _pcie_gb_per_s(gpu)
    return CardSpeed(bytes_per_s=nominal * 1e9, flops=tflops * 1e12, link_bytes_per_s=link * 1e9,
                     has_switch=has_switch, compute_capability=gpu.compute_capability)  # fmt: skip


def _has_switch(gpu: GpuSpec) -> bool:
    return (gpu.nvlink_gb_per_s or 0) >= _SWITCHED_NVLINK_GB_PER_S and "PCIe" not in gpu.name


def _pcie_gb_per_s(gpu: GpuSpec) -> float:
    """PCIe 3 up to Turing, 4 for Ampere and Ada, 5 for Hopper and Blackwell."""
    have = capability(gpu.compute_capability or "8.0")
    if have < (8, 0):
        return _PCIE_3
    return _PCIE_4 if have < (9, 0) else _PCIE_5
