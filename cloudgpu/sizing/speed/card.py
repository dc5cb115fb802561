"""What a card and its links do at their nominal figures."""

from dataclasses import dataclass

from cloudgpu.sizing.engines.profile import capability
from cloudgpu.sizing.gpus import GpuSpec

MEASURED_BANDWIDTH_SHARE = 0.90
"""What a copy reaches of the nominal bandwidth: 3.0 of 3.35 TB/s on H100, 4.3 of 4.8 on H200; offers report the same.
"""

MEASURED_LINK_SHARE = 0.78
"""The same of PCIe, host to card: 25.2 GB/s of 32 in full fourth-generation slots of Vast.ai's offers, 5.8 of 8 in
half ones of the third."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """GB/s that copies reached on the machine at hand: within a card, and from the host to it; None where unknown."""

    memory_gb_per_s: float | None = None
    host_gb_per_s: float | None = None


UNMEASURED = Measured()


def card_speed(gpu: GpuSpec, measured: Measured = UNMEASURED) -> CardSpeed | None:
    """The speeds of a card, None when nobody publishes its bandwidth or its tensor operations.

    What was measured stands in for the catalogue's nominal figures; copies from the host tell how fast cards without
    NVLink reach each other.
    """
    copied = measured.memory_gb_per_s
    nominal = copied / MEASURED_BANDWIDTH_SHARE if copied else gpu.bandwidth_gb_per_s
    tflops = gpu.bf16_tflops or gpu.fp16_tflops
    if not nominal or not tflops:
        return None
    has_switch = _has_switch(gpu)
    link = (gpu.nvlink_gb_per_s or 0.0) / 2 if has_switch else _pcie_gb_per_s(gpu, measured.host_gb_per_s)
    return CardSpeed(bytes_per_s=nominal * 1e9, flops=tflops * 1e12, link_bytes_per_s=link * 1e9,
                     has_switch=has_switch, compute_capability=gpu.compute_capability)  # fmt: skip


def _has_switch(gpu: GpuSpec) -> bool:
    return (gpu.nvlink_gb_per_s or 0) >= _SWITCHED_NVLINK_GB_PER_S and "PCIe" not in gpu.name


def _pcie_gb_per_s(gpu: GpuSpec, measured: float | None) -> float:
    """As measured, else as sixteen lanes of PCIe 3 up to Turing, 4 for Ampere and Ada, 5 for Hopper and Blackwell."""
    if measured:
        return measured / MEASURED_LINK_SHARE
    have = capability(gpu.compute_capability or "8.0")
    if have < (8, 0):
        return _PCIE_3
    return _PCIE_4 if have < (9, 0) else _PCIE_5
