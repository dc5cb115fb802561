"""GPUs by any name that people and providers give them, with the memory an engine really sees."""

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from cloudgpu.base.errors import UnknownGpuError
from cloudgpu.base.units import gib_from_mib
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.nearest import hint_for, hint_of, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """One kind of GPU. None means that no source says it.

    `memory_mib` is what nvidia-smi shows; `total_gib` what torch reports as total memory, the figure engines share out
    (measured where a log was seen, else `memory_mib` less what the driver keeps). TFLOPS are dense, bandwidth is GB/s.
    """

    name: str
    vendor: str
    architecture: str
    memory_mib: int
    total_gib: float
    total_is_measured: bool
    compute_capability: str | None
    bandwidth_gb_per_s: float | None
    fp16_tflops: float | None
    bf16_tflops: float | None
    fp8_tflops: float | None
    nvlink_gb_per_s: float | None
    power_w: int | None
    vast_names: tuple[str, ...]
    runpod_ids: tuple[str, ...]
    aliases: tuple[str, ...]
    notes: tuple[str, ...]
    source: tuple[str, ...]

    @property
    def has_cuda(self) -> bool:
        """Whether it is NVIDIA's, as every card is taken to be that is given by its memory alone."""
        return self.vendor in {"NVIDIA", "unknown"}

    def with_memory(self, memory_mib: int) -> "GpuSpec":
        """The same GPU with the memory that an offer reports (modified cards, ECC on); itself when that is equal."""
        if memory_mib == self.memory_mib:
            return self
        return replace(self, memory_mib=memory_mib, total_gib=usable_gib(memory_mib), total_is_measured=False)

    def with_total(self, total_gib: float) -> "GpuSpec":
        """The same GPU with the total that torch reports on the machine at hand."""
        return replace(self, total_gib=total_gib, total_is_measured=True)


def find_gpu(name: str) -> GpuSpec:
    """The GPU of that name: ours, Vast's, RunPod's id or a short form, in any case and spacing.

    Raises UnknownGpuError with the nearest names.
    """
    found = _by_key().get(_key(name)) or _by_key().get(_key(_REMARKS.sub("", name)))
    if found is None:
        raise UnknownGpuError(f"no GPU named {name!r}", hint=_hint(name))
    return found


def _hint(name: str) -> str:
    """The cards that may have been meant, by any of their names; else the nearest, however far away."""
    own = [gpu.name for gpu in all_gpus()]
    near = nearest(name, own + sorted(_by_key()))
    if near:
        return hint_of(list(dict.fromkeys(_by_key()[_key(each)].name for each in near)), "cloudgpu gpus")
    return hint_for(name, own, "cloudgpu gpus")


def match_gpu(vendor_name: str, memory_mib: int | None) -> GpuSpec | None:
    """The GPU behind a provider's name, with the memory that the offer reports.

    Providers sell several sizes under one name: the size nearest to `memory_mib` is taken and then set to it. None when
    the name is unknown. Without `memory_mib` the smallest size is taken.
    """
    sizes = _by_vendor_name().get(_key(vendor_name), ())
    if not sizes:
        found = _by_key().get(_key(vendor_name))
        sizes = (found,) if found else ()
    if not sizes:
        return None
    if not memory_mib:
        return min(sizes, key=lambda gpu: gpu.memory_mib)
    return min(sizes, key=lambda gpu: abs(gpu.memory_mib - memory_mib)).with_memory(memory_mib)


def custom_gpu(total_gib: float) -> GpuSpec:
    """A card known only by the total memory that torch reports. Raises UnknownGpuError when that is no memory."""
    if not 0 < total_gib < 100_000:
        raise UnknownGpuError(
            f"a GPU cannot have {total_gib} GiB of memory", hint="give what torch reports, for example 23.6"
        )
    return GpuSpec(
        name=f"{total_gib:g} GiB card",
        vendor="unknown",
        architecture="unknown",
        memory_mib=round(total_gib * 1024),
        total_gib=total_gib,
        total_is_measured=True,
        compute_capability=None,
        bandwidth_gb_per_s=None,
        fp16_tflops=None,
        bf16_tflops=None,
        fp8_tflops=None,
        nvlink_gb_per_s=None,
        power_w=None,
        vast_names=(),
        runpod_ids=(),
        aliases=(),
        notes=(),
        source=("given by the user",),
    )


@cache
def all_gpus() -> tuple[GpuSpec, ...]:
    """Every GPU of the catalogue, oldest family first."""
    return tuple(_from_row(row) for row in read_rows("gpus"))


def usable_gib(memory_mib: int) -> float:
    """What torch reports as total for a card that shows `memory_mib` in nvidia-smi, in GiB.

    The driver keeps 0.25 GiB on 8 GB cards to 0.75 GiB on 80 GB ones (seen in start-up logs of 20 kinds of card).
    """
    gib = gib_from_mib(memory_mib)
    kept_gib = next(kept for limit, kept in _DRIVER_KEEPS_GIB if gib <= limit)
    return round(max(gib - kept_gib, 0.0), 2)


_DRIVER_KEEPS_GIB = ((12.5, 0.25), (26.0, 0.40), (66.0, 0.50), (float("inf"), 0.65))


def _from_row(row: dict[str, Any]) -> GpuSpec:
    measured = row["total_gib"]
    return GpuSpec(
        name=row["name"],
        vendor=row["vendor"],
        architecture=row["architecture"],
        memory_mib=row["memory_mib"],
        total_gib=measured or usable_gib(row["memory_mib"]),
        total_is_measured=measured is not None,
        compute_capability=row["compute_capability"],
        bandwidth_gb_per_s=row["bandwidth_gb_per_s"],
        fp16_tflops=row["fp16_tflops"],
        bf16_tflops=row["bf16_tflops"],
        fp8_tflops=row["fp8_tflops"],
        nvlink_gb_per_s=row["nvlink_gb_per_s"],
        power_w=row["power_w"],
        vast_names=tuple(row["vast_names"]),
        runpod_ids=tuple(row["runpod_ids"]),
        aliases=tuple(row["aliases"]),
        notes=tuple(row["notes"]),
        source=tuple(row["source"]),
    )


@cache
def _by_key() -> dict[str, GpuSpec]:
    """Keys in order of authority: names, then documented aliases, then provider names and short forms."""
    found: dict[str, GpuSpec] = {}
    for names in (_own_names, _alias_names, _provider_names, _short_names):
        for gpu in all_gpus():
            for name in names(gpu):
                found.setdefault(_key(name), gpu)
    return found


@cache
def _by_vendor_name() -> dict[str, tuple[GpuSpec, ...]]:
    found: dict[str, tuple[GpuSpec, ...]] = {}
    for gpu in all_gpus():
        for name in _provider_names(gpu):
            found[_key(name)] = (*found.get(_key(name), ()), gpu)
    return found


_REMARKS = re.compile(r"\(.*?\)|\b\d+\s*gi?b\b", re.IGNORECASE)
"""What people add to a card's name: a remark in brackets, a size that is the only one it has."""


def _own_names(gpu: GpuSpec) -> tuple[str, ...]:
    return (gpu.name,)


def _alias_names(gpu: GpuSpec) -> tuple[str, ...]:
    return gpu.aliases


def _provider_names(gpu: GpuSpec) -> tuple[str, ...]:
    return (*gpu.vast_names, *gpu.runpod_ids)


def _short_names(gpu: GpuSpec) -> tuple[str, ...]:
    """The name without its maker's family: 4090 for RTX 4090, MI250 for Instinct MI250."""
    _, _, rest = gpu.name.partition(" ")
    return (rest,) if re.match(r"(RTX|GTX|Tesla|Quadro|Instinct) ", gpu.name) and rest else ()


def _key(name: str) -> str:
    """A spelling without case, spacing and maker: "NVIDIA GeForce RTX 4090" and "rtx4090" are one."""
    bare = re.sub(r"\b(nvidia|amd|geforce|generation|edition)\b", "", name.lower())
    return re.sub(r"[^a-z0-9]", "", bare)
