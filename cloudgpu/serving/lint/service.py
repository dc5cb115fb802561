"""One server of a file, whatever the file's form: image, arguments, environment and what surrounds the container."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudgpu.serving.lint.finding import Place


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command line and where it stands; None where that cannot be told."""

    text: str
    at: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProbe:
    """A container's own health check: its command, and the seconds it is given to come up."""

    command: str
    start_period_s: float | None
    at: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything a rule may look at.

    `image` None: a command line of the host. `ports` are (host, container); `published` says that something outside the
    machine can reach it. `devices` are GPU ids as written, None when all or unknown; `reserved_gpus` is how many
    cards the container is given by a reservation, None when all or unknown. `places` tells where a key stands.
    `is_rented`: a provider runs the container, whose disk, shared memory and restarts are the provider's.
    """

    name: str
    image: str | None = None
    words: tuple[Word, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[tuple[str, str], ...] = ()
    host_network: bool = False
    ipc: str | None = None
    shm_bytes: int | None = None
    volumes: tuple[str, ...] = ()
    memory_bytes: int | None = None
    devices: tuple[str, ...] | None = None
    reserved_gpus: int | None = None
    gpu_count: int | None = None
    restart: str | None = None
    runtime: str | None = None
    health: HealthProbe | None = None
    is_container: bool = False
    is_rented: bool = False
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def published(self) -> bool:
        """Whether a port reaches beyond the machine: bound to loopback it does not."""
        return self.host_network or any(not host.startswith(("127.", "localhost:", "[::1]")) for host, _ in self.ports)

    def at(self, key: str) -> Place | None:
        """Where a key of the service stands, else the service itself."""
        return self.places.get(key) or self.places.get("")
