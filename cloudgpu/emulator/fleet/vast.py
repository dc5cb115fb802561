"""A market of a few hundred machines, drawn from the prices and habits of the real one; a seed gives one market."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cloudgpu.emulator.figures import GpuKind, gpu_kinds
from cloudgpu.emulator.fleet.machine import Machine
from cloudgpu.emulator.fleet.oddities import with_oddities
from cloudgpu.emulator.fleet.quantiles import Quantiles, at_share

_OFFERS_PER_MACHINE = 4.0
_PRICE_SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
_STORAGE_USD_PER_GB_MONTH: Quantiles = ((0, 0.067), (0.5, 0.2), (0.9, 0.4), (1, 0.93))
_TRAFFIC_USD_PER_TB: Quantiles = ((0, 1.2), (0.5, 7.8), (0.9, 20), (1, 40))
_RELIABILITY_LOSS: Quantiles = ((0, 0.0005), (0.25, 0.002), (0.5, 0.004), (0.75, 0.011), (0.95, 0.046), (1, 0.09))
_DOWNLOAD_MBPS: Quantiles = ((0, 40), (0.014, 100), (0.05, 256), (0.5, 870), (0.95, 8632), (1, 9800))
_DISK_GB: Quantiles = ((0, 18), (0.02, 50), (0.05, 117), (0.5, 690), (0.95, 3481), (1, 14000))
_RAM_GB: Quantiles = ((0, 9), (0.5, 64), (0.95, 512), (1, 1032))
_DAYS_LEFT: Quantiles = ((0, 1.5), (0.1, 7), (0.5, 60), (0.9, 300), (1, 473))
_HOST_SHARE = Decimal("0.75")
_TWELVE_PLACES = Decimal("1e-12")
_LOCATIONS = (
    "Quebec, CA", "Texas, US", "California, US", "Washington, US", ", US", "Sweden, SE", "Norway, NO", "Czechia, CZ",
    "Bulgaria, BG", "Germany, DE", "France, FR", "Spain, ES", "United Kingdom, GB", "South Korea, KR", "Japan, JP",
    "Taiwan, TW", "Viet Nam, VN", "India, IN", "Poland, PL", "Finland, FI", "Netherlands, NL", ", CA", "China, CN",
)  # fmt: skip
_CPUS = (
    "AMD EPYC 7702 64-Core Processor",
    "Xeon® Gold 6138 ",
    "AMD Ryzen 9 5950X 16-Core Processor",
    "Core™ i9-12900K",
)
_DRIVERS = (
    ("580.95.05", 13.0), ("580.65.06", 13.0), ("595.58.03", 13.2), ("590.48.01", 13.1), ("580.82.09", 13.0),
    ("575.57.08", 12.9), ("570.172.08", 12.8), ("565.77", 12.7), ("550.163.01", 12.4), ("535.183.01", 12.2),
)  # fmt: skip
_DRIVER_WEIGHTS = (24, 16, 14, 12, 10, 8, 8, 3, 3, 2)


@dataclass(frozen=True, slots=True)
class _Trust:
    verification: str
    price_factor: float


_TRUST = (_Trust("verified", 1.0), _Trust("unverified", 0.6), _Trust("deverified", 0.7))


@lru_cache(maxsize=16)
def make_machines(seed: int, listed_at: datetime) -> tuple[Machine, ...]:
    """Every machine of the market with this seed. Pure: no clock, no global randomness. Drawn once a process."""
    dice = random.Random(seed)
    kinds = [kind for kind in gpu_kinds() for _ in range(_machines_of(kind))]
    machines = tuple(_machine(index, kind, dice, listed_at) for index, kind in enumerate(kinds))
    return with_oddities(machines, listed_at)


def fingerprint(machines: tuple[Machine, ...]) -> str:
    """Short text that is the same for the same machines at the same prices."""
    facts = [(m.machine_id, m.gpu.gpu_name, m.gpu_count, str(m.gpu_usd_per_hour), m.download_mbps) for m in machines]
    return sha256(repr(facts).encode()).hexdigest()[:16]


def _machines_of(kind: GpuKind) -> int:
    return max(2 if kind.gpu_ram_mib >= 24_000 else 1, round(kind.offers / _OFFERS_PER_MACHINE))


def _machine(index: int, kind: GpuKind, dice: random.Random, listed_at: datetime) -> Machine:
    count = _gpu_count(kind, dice)
    trust = dice.choices(_TRUST, (63, 35, 2))[0]
    return Machine(
        index=index,
        machine_id=10_000 + index * 37 + dice.randrange(37),
        host_id=40_000 + dice.randrange(2_000),
        gpu=kind,
        gpu_count=count,
        sizes=_sizes(count, dice),
        rented_elsewhere=tuple(gpu for gpu in range(count) if dice.random() < 0.12),
        verification=trust.verification,
        reliability=round(1 - at_share(_RELIABILITY_LOSS, dice.random()), 7),
        datacenter=dice.random() < (0.5 if kind.gpu_ram_mib > 79_000 else 0.08),
        geolocation=dice.choice(_LOCATIONS),
        compute_cap=kind.compute_cap,
        listed_at=listed_at - timedelta(days=dice.uniform(1, 200)),
        ends_at=listed_at + timedelta(days=at_share(_DAYS_LEFT, dice.random())),
        public_ip=f"192.0.2.{index % 254 + 1}",
        **_prices(kind, trust, dice),
        **_network(dice),
        **_hardware(count, dice),
    )


def _prices(kind: GpuKind, trust: _Trust, dice: random.Random) -> dict[str, Any]:
    traffic = _renter_usd(at_share(_TRAFFIC_USD_PER_TB, dice.random()) / 1000, "0.0001")
    return {
        "gpu_usd_per_hour": _gpu_price(kind, trust, dice),
        "min_bid_share": Decimal(dice.choice(("0.35", "0.5", "0.6", "0.8", "0.87", "1.2"))),
        "storage_usd_per_gb_month": _renter_usd(at_share(_STORAGE_USD_PER_GB_MONTH, dice.random()), "0.01"),
        "download_usd_per_gb": traffic,
        "upload_usd_per_gb": traffic,
    }


def _network(dice: random.Random) -> dict[str, Any]:
    download_mbps = round(at_share(_DOWNLOAD_MBPS, dice.random()), 1)
    return {
        "download_mbps": download_mbps,
        "upload_mbps": round(download_mbps * dice.uniform(0.3, 1.0), 1),
        "static_ip": dice.random() < 0.43,
        "open_ports": dice.choice((12, 25, 50, 100, 298, 500)),
    }


def _hardware(gpu_count: int, dice: random.Random) -> dict[str, Any]:
    driver, cuda_max = dice.choices(_DRIVERS, _DRIVER_WEIGHTS)[0]
    return {
        "driver": driver,
        "cuda_max": cuda_max,
        "disk_gb": round(at_share(_DISK_GB, dice.random()) * gpu_count**0.5, 1),
        "disk_mb_per_s": round(dice.uniform(500, 6800), 1),
        "disk_name": dice.choice(("Samsung SSD 990 PRO 2TB", "WD_BLACK SN850X 4000GB", "nvme", "")),
        "cpu_name": dice.choice(_CPUS),
        "cpu_cores": dice.choice((16, 32, 48, 64, 96, 128, 256) if gpu_count > 1 else (8, 12, 16, 24, 32)),
        "cpu_ghz": round(dice.uniform(2.2, 5.2), 1),
        "ram_mb": round(at_share(_RAM_GB, dice.random()) * 1000 * gpu_count**0.5),
        "motherboard": dice.choice(("ROME2D32GM-2T", "Z10PA-D8 Series", "X570 GAMING", None)),
    }


def _gpu_count(kind: GpuKind, dice: random.Random) -> int:
    if kind.gpu_ram_mib > 79_000:
        return dice.choices((1, 2, 4, 8), (40, 20, 20, 20))[0]
    return dice.choices((1, 2, 3, 4, 6, 8, 10), (56, 24, 1, 13, 1, 4, 1))[0]


def _sizes(count: int, dice: random.Random) -> tuple[int, ...]:
    smaller = [size for size in (1, 2, 4, 8) if size < count]
    kept = [size for size in smaller if dice.random() < 0.75]
    return (*kept, count)


def _gpu_price(kind: GpuKind, trust: _Trust, dice: random.Random) -> Decimal:
    quantiles = tuple(zip(_PRICE_SHARES, kind.usd_per_gpu_hour, strict=True))
    return _renter_usd(at_share(quantiles, dice.random() * 0.985) * trust.price_factor, "0.005")


def _renter_usd(amount: float, step: str) -> Decimal:
    """Hosts ask round prices and the market adds a third: renters see multiples of 4/3 of them."""
    unit = Decimal(step)
    host_usd = max(unit, (Decimal(repr(amount)) * _HOST_SHARE / unit).to_integral_value() * unit)
    return (host_usd / _HOST_SHARE).quantize(_TWELVE_PLACES).normalize()
