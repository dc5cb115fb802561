"""RunPod's machines: GPU types in two clouds and some data centres, each with a stock. A seed gives one fleet."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files

from cloudgpu.emulator.figures import GpuKind
from cloudgpu.emulator.fleet.machine import Machine

DATA_CENTRES = (
    "EU-RO-1", "EU-SE-1", "EU-CZ-1", "EUR-IS-1", "EUR-NO-1", "US-TX-3", "US-KS-2", "US-GA-1", "CA-MTL-1", "AP-JP-1",
)  # fmt: skip
_DISK_USD_PER_GB_MONTH = Decimal("0.10")
_NEVER = timedelta(days=20_000)
_CUDA = (13.0, 13.0, 13.1, 12.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodType:
    """A GPU type of the catalogue. Prices are US dollars per GPU-hour, None where the cloud does not have it."""

    runpod_id: str
    display_name: str
    manufacturer: str
    memory_gb: int
    memory_mib: int
    compute_cap: int
    memory_bandwidth_gb_per_s: float
    vcpus: int
    ram_gb: int
    max_count: int
    pool: str | None
    secure_usd: str | None
    community_usd: str | None
    source: str

    def usd(self, cloud: str) -> Decimal | None:
        """The list price in `SECURE` or `COMMUNITY`; None: not to be had there."""
        text = self.secure_usd if cloud == "SECURE" else self.community_usd
        return None if text is None else Decimal(text)


@cache
def pod_types() -> tuple[PodType, ...]:
    """Every type of the catalogue. Reads a small file of the package once."""
    text = files("cloudgpu.emulator.figures").joinpath("runpod.jsonl").read_text(encoding="utf-8")
    return tuple(PodType(**json.loads(line)) for line in text.splitlines())


def country_of(centre: str) -> str:
    """The country code of a data centre: `RO` of `EU-RO-1`, `US` of `US-TX-3`."""
    first, second, _ = centre.split("-")
    return first if first in ("US", "CA") else second


def make_fleet(seed: int, listed_at: datetime) -> tuple[Machine, ...]:
    """The machines of the fleet with this seed: each stands for what one data centre has of a type. Pure."""
    dice = random.Random(f"runpod:{seed}")
    places = [
        (each, cloud, usd, centre)
        for each in pod_types()
        for cloud in ("SECURE", "COMMUNITY")
        if (usd := each.usd(cloud)) is not None
        for centre in sorted(dice.sample(DATA_CENTRES, 4))
    ]
    return tuple(
        _machine(index, each, cloud, usd, centre, dice, listed_at)
        for index, (each, cloud, usd, centre) in enumerate(places)
    )


def _machine(  # one argument a fact
    index: int, kind: PodType, cloud: str, usd: Decimal, centre: str, dice: random.Random, listed_at: datetime
) -> Machine:
    count = min(kind.max_count, 8)
    gone = dice.choice((0, 0, 1, 2, count // 2, count))
    return Machine(
        index=index,
        machine_id=70_000 + index,
        host_id=0,
        gpu=_gpu(kind),
        gpu_count=count,
        sizes=(),
        rented_elsewhere=tuple(range(count - gone, count)),
        gpu_usd_per_hour=usd,
        min_bid_share=Decimal(1),
        storage_usd_per_gb_month=_DISK_USD_PER_GB_MONTH,
        download_usd_per_gb=Decimal(0),
        upload_usd_per_gb=Decimal(0),
        download_mbps=round(dice.uniform(700, 6000), 1),
        upload_mbps=1000.0,
        disk_gb=4000.0,
        disk_mb_per_s=2500.0,
        disk_name="nvme",
        cpu_name=None,
        cpu_cores=kind.vcpus * count,
        cpu_ghz=None,
        ram_mb=kind.ram_gb * 1000 * count,
        motherboard=None,
        reliability=1.0,
        verification="verified" if cloud == "SECURE" else "unverified",
        datacenter=cloud == "SECURE",
        static_ip=cloud == "SECURE",
        geolocation=centre,
        cuda_max=dice.choice(_CUDA),
        driver="580.95.05",
        compute_cap=kind.compute_cap,
        open_ports=100,
        listed_at=listed_at,
        ends_at=listed_at + _NEVER,
        public_ip="127.0.0.1",
    )


def _gpu(kind: PodType) -> GpuKind:
    return GpuKind(
        gpu_name=kind.runpod_id,
        gpu_ram_mib=kind.memory_mib,
        compute_cap=kind.compute_cap,
        memory_bandwidth_gb_per_s=kind.memory_bandwidth_gb_per_s,
        fp32_tflops=1.0,
        power_w=0.0,
        offers=1,
        usd_per_gpu_hour=(),
        source=kind.source,
    )
