"""Which cards the machine has. No daemon tells their names: the settings do, or nvidia-smi where Docker runs here.

What a container of ours was given stands in its label, and nobody else gets it. A card without either is named on the
command line (`--gpu`, `--gpus`) and taken at its word.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudgpu.base.errors import UsageError
from cloudgpu.base.settings import DockerSettings
from cloudgpu.sizing.gpus import GpuSpec, find_gpu, match_gpu

_SMI = (
    "nvidia-smi", "--query-gpu=index,name,memory.total,power.limit,compute_cap", "--format=csv,noheader,nounits",
)  # fmt: skip
_SMI_S = 20
_COUNTED = re.compile(r"\s*(?:(?P<count>\d{1,2})\s*[x×]\s+)?(?P<name>\S.*?)\s*")
_CDI = re.compile(r"nvidia\.com/gpu=(\d+)")
_EXAMPLE = 'CLOUDGPU_DOCKER_GPUS="1x RTX 3090"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card. `device_id` is its id on the machine ("0"); `watts` its limit, None when nobody knows it."""

    device_id: str
    name: str
    memory_mib: int
    compute_capability: str | None
    watts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """The machine's cards, and who says so: a setting's name, `nvidia-smi` or `the command line`."""

    cards: tuple[Card, ...]
    origin: str


def cards_of(settings: DockerSettings, *, is_here: bool) -> Cards | None:
    """The machine's cards as the settings tell, else as nvidia-smi does when the daemon `is_here`; None: nobody says.

    Raises UsageError for a setting that cannot be read, UnknownGpuError for a card nobody knows. No network.
    """
    ids = _ids(settings)
    if settings.gpus.value:
        return Cards(cards=declared(settings.gpus.value, ids), origin=settings.gpus.origin)
    found = _seen_by_driver() if is_here else ()
    known = {card.device_id for card in found}
    if found and not set(ids) <= known:
        raise UsageError(
            f"CLOUDGPU_DOCKER_GPU_IDS is {settings.gpu_ids.value!r}, and nvidia-smi shows {', '.join(sorted(known))}",
            hint="for example 0,1",
        )
    mine = tuple(card for card in found if not ids or card.device_id in ids)
    return Cards(cards=mine, origin="nvidia-smi") if mine else None


def believed(settings: DockerSettings, gpu: str, count: int) -> Cards:
    """Cards that nobody but the command line tells of. Raises as `cards_of` does."""
    return Cards(cards=declared(f"{count}x {gpu}", _ids(settings)), origin="the command line")


def declared(text: str, ids: Sequence[str] = ()) -> tuple[Card, ...]:
    """The cards of `1x RTX 3090, 2x RTX 4090`, in the order of their ids: those given, else 0, 1, 2 …

    Raises UsageError for another form or too few ids, UnknownGpuError.
    """
    names = [name for part in text.split(",") for name in _counted(part)]
    if ids and (len(ids) < len(names) or len(set(ids)) < len(ids)):
        raise UsageError(
            f"CLOUDGPU_DOCKER_GPU_IDS names {len(set(ids))} of {len(names)} cards",
            hint="name each once, for example 0,1",
        )
    numbered = zip(ids or map(str, range(len(names))), names, strict=False)
    return tuple(_of_catalogue(device_id, find_gpu(name)) for device_id, name in numbered)


def devices_of(info: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the NVIDIA cards that the daemon knows through CDI (Docker 28.2 and later); empty where it tells none."""
    told = info.get("DiscoveredDevices") or ()
    found = (_CDI.fullmatch(str(each.get("ID"))) for each in told if isinstance(each, Mapping))
    return frozenset(match[1] for match in found if match)


def has_runtime(info: Mapping[str, Any]) -> bool:
    """Whether NVIDIA's runtime is set up. Without it Docker may hand out GPUs all the same: a start tells."""
    return "nvidia" in (info.get("Runtimes") or {})


def unknown_cards() -> UsageError:
    """Nobody says which cards the machine has."""
    return UsageError(
        "Docker does not tell which cards its machine has",
        hint=f'name them: --gpu "RTX 3090" --gpus 1, or for good: {_EXAMPLE}',
    )


def free(cards: Iterable[Card], taken: frozenset[str]) -> tuple[Card, ...]:
    """Those that no container of ours was given."""
    return tuple(card for card in cards if card.device_id not in taken)


def _ids(settings: DockerSettings) -> tuple[str, ...]:
    return tuple(each.strip() for each in settings.gpu_ids.value.split(",") if each.strip())


def _counted(part: str) -> list[str]:
    match = _COUNTED.fullmatch(part)
    count = int(match["count"] or 1) if match else 0
    if match is None or not 1 <= count <= 16:
        raise UsageError(f"{part.strip()!r} names no cards", hint=f"for example {_EXAMPLE}")
    return [match["name"]] * count


def _seen_by_driver() -> tuple[Card, ...]:
    """What nvidia-smi shows; empty without it, without a driver, or when it says something else."""
    try:
        done = subprocess.run(_SMI, capture_output=True, text=True, timeout=_SMI_S, check=True)
        rows = [[field.strip() for field in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
        return tuple(_row(*row) for row in rows)
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return ()


def _row(index: str, name: str, memory: str, watts: str, capability: str) -> Card:
    """One line of nvidia-smi; the catalogue adds what it does not say. A card in no catalogue keeps its name."""
    memory_mib, gpu = int(memory), match_gpu(name, int(memory))
    return Card(
        device_id=index, name=gpu.name if gpu else name, memory_mib=memory_mib, compute_capability=capability,
        watts=_limit(watts) or (gpu.power_w if gpu else None),
    )  # fmt: skip


def _limit(watts: str) -> int | None:
    try:
        return round(float(watts))
    except ValueError:
        return None  # cards of notebooks have none


def _of_catalogue(device_id: str, gpu: GpuSpec) -> Card:
    return Card(
        device_id=device_id, name=gpu.name, memory_mib=gpu.memory_mib, compute_capability=gpu.compute_capability,
        watts=gpu.power_w,
    )  # fmt: skip
