"""A host's machine on the market, and the slices of it that are on offer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.emulator.figures import GpuKind

_FIRST_ASK_ID = 21_000_000
_EPOCHS = 997
_EPOCH = timedelta(hours=6)
_RELISTED_FOR = timedelta(days=45)
_INDEXES = 16
_MACHINES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One physical machine. Prices are per GPU-hour, GB-month and GB; `None` is what the host does not report.

    `index` numbers the machines of a market; `rented_elsewhere` are GPU indexes that other people hold; `sizes` are
    the GPU counts it is offered in.
    """

    index: int
    machine_id: int
    host_id: int
    gpu: GpuKind
    gpu_count: int
    sizes: tuple[int, ...]
    rented_elsewhere: tuple[int, ...]
    gpu_usd_per_hour: Decimal
    min_bid_share: Decimal
    storage_usd_per_gb_month: Decimal
    download_usd_per_gb: Decimal
    upload_usd_per_gb: Decimal
    download_mbps: float
    upload_mbps: float
    disk_gb: float
    disk_mb_per_s: float
    disk_name: str
    cpu_name: str | None
    cpu_cores: int | None
    cpu_ghz: float | None
    ram_mb: int
    motherboard: str | None
    reliability: float
    verification: str
    datacenter: bool
    static_ip: bool
    geolocation: str | None
    cuda_max: float
    driver: str
    compute_cap: int
    open_ports: int
    listed_at: datetime
    ends_at: datetime
    public_ip: str

    def __hash__(self) -> int:
        """Its id will do: a search looks every machine up by it."""
        return self.machine_id

    def ends(self, now: datetime) -> datetime:
        """When a rental that begins now has to end; a host whose time is over lists the machine again."""
        periods = max(0, -((self.ends_at - now) // _RELISTED_FOR))
        return self.ends_at + periods * _RELISTED_FOR

    @property
    def gpu_ids(self) -> tuple[int, ...]:
        """The market-wide id of each GPU."""
        return tuple(self.machine_id * 10 + index for index in range(self.gpu_count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A slice on offer: some of the GPUs of one machine, rented together or not at all."""

    ask_id: int
    machine: Machine
    gpu_indexes: tuple[int, ...]
    rentable: bool

    @property
    def share(self) -> float:
        """The part of the machine, 0..1, which is also its part of the disk and the memory."""
        return len(self.gpu_indexes) / self.machine.gpu_count

    @property
    def gpu_usd_per_hour(self) -> Decimal:
        """The price of all its GPUs together."""
        return self.machine.gpu_usd_per_hour * len(self.gpu_indexes)


def asks(machine: Machine, taken: Iterable[int], now: datetime) -> Iterator[Ask]:
    """The slices of a machine, given the GPU indexes that the account holds (`taken`).

    A slice is made of the first free GPUs; when too few are free it is listed as not rentable. Ids change every few
    hours and whenever other GPUs are free, as on the real market, so nothing may be keyed by them.
    """
    busy = {*taken, *machine.rented_elsewhere}
    free = [index for index in range(machine.gpu_count) if index not in busy]
    for size in machine.sizes:
        rentable = size <= len(free)
        indexes = tuple(free[:size]) if rentable else tuple(range(machine.gpu_count))[-size:]
        yield Ask(
            ask_id=_ask_id(machine, size, indexes[0], now), machine=machine, gpu_indexes=indexes, rentable=rentable
        )


def _ask_id(machine: Machine, size: int, first: int, now: datetime) -> int:
    shifted = now - datetime.min.replace(tzinfo=now.tzinfo) + timedelta(minutes=37 * machine.index % 360)
    epoch = shifted // _EPOCH % _EPOCHS
    return _FIRST_ASK_ID + ((epoch * _MACHINES + machine.index) * _INDEXES + size - 1) * _INDEXES + first
