"""What is free of a GPU type: by cloud, count, place and CUDA version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cloudgpu.emulator.fleet.machine import Ask, Machine
from cloudgpu.emulator.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """So many GPUs of a type on one machine. Empty tuples and None: anywhere, any version."""

    gpu_type: str
    gpu_count: int
    cloud: str
    data_centres: tuple[str, ...] = ()
    cuda_versions: tuple[str, ...] = ()
    min_cuda: str | None = None


def free_machines(world: World, wish: Wish) -> Iterator[Machine]:
    """The machines that could take it now."""
    for machine in machines_of(world, wish.gpu_type, wish.cloud):
        in_place = not wish.data_centres or machine.geolocation in wish.data_centres
        if in_place and _runs(machine, wish) and len(world.free_gpus(machine)) >= wish.gpu_count:
            yield machine


def machines_of(world: World, gpu_type: str, cloud: str) -> Iterator[Machine]:
    """Every machine of a type in a cloud."""
    secure = cloud == "SECURE"
    return (m for m in world.machines if m.gpu.gpu_name == gpu_type and m.datacenter == secure)


def ask_of(world: World, wish: Wish) -> Ask | None:
    """A slice for the wish; None: no capacity."""
    machine = next(free_machines(world, wish), None)
    if machine is None:
        return None
    free = world.free_gpus(machine)
    return Ask(ask_id=machine.machine_id, machine=machine, gpu_indexes=free[: wish.gpu_count], rentable=True)


def level(world: World, machines: Sequence[Machine]) -> str:
    """NONE, LOW, MEDIUM or HIGH, by the GPUs that are free on these machines."""
    free = sum(len(world.free_gpus(machine)) for machine in machines)
    return "NONE" if free == 0 else "LOW" if free <= 4 else "MEDIUM" if free <= 12 else "HIGH"


def _runs(machine: Machine, wish: Wish) -> bool:
    own = f"{machine.cuda_max:.1f}"
    if wish.cuda_versions and own not in wish.cuda_versions:
        return False
    return wish.min_cuda is None or _parts(own) >= _parts(wish.min_cuda)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
