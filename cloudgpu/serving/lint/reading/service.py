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
    """A container's own health check: its command, how long its failures do not count, and how long they may last then.

    `start_period_s` None: it has none.
    """

    command: str
    start_period_s: float | None
    at: Place | None
    failing_s: float = 0.0

    @property
    def patience_s(self) -> float:
        """Seconds from the start until the container counts as unhealthy."""
        return (self.start_period_s or 0.0) + self.failing_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything a rule may look at.

    `image` None: a command line of the host. `ports` are (host, container); `published` says that something outside the
    machine can reach it. `devices` are GPU ids as written, None when all or unknown; `reserved_gpus` is how many
    cards the container is given by a reservation, None when all or unknown. `places` tells where a key stands.
    `shell` is the shell that the command begins with, None without one; `has_env_file` says that variables come from a
    file that was not read, `from_files` are the names that files set which were, `missing_env_files` are not there.
    `untexted` are items of the command's list that YAML reads as something else than text.
    `is_rented`: a provider runs the container; disk, shared memory and restarts are its own.
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
    shell: Word | None = None
    has_env_file: bool = False
    missing_env_files: tuple[str, ...] = ()
    from_files: frozenset[str] = frozenset()
    untexted: tuple[Word, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def published(self) -> bool:
        """Whether a port reaches beyond the machine: bound to loopback it does not."""
        return self.host_network or any(not host.startswith(("127.", "localhost:", "[::1]")) for host, _ in self.ports)

    def at(self, key: str) -> Place | None:
        """Where a key of the service stands, else the service itself."""
        return self.places.get(key) or self.places.get("")
