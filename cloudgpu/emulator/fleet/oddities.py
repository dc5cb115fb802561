"""What real hosts get wrong, placed on every market so that nobody can forget it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudgpu.emulator.fleet.machine import Machine

Wanted = Callable[[Machine], bool]


def with_oddities(machines: Sequence[Machine], now: datetime) -> tuple[Machine, ...]:
    """The same machines, some of them spoilt: each oddity hits the first machine of its kind that is still sound."""
    changed = list(machines)
    hit: set[int] = set()
    for wanted, change in _oddities(machines, now):
        for index, machine in enumerate(changed):
            if index not in hit and wanted(machine):
                changed[index] = replace(machine, **change(machine))
                hit.add(index)
                break
    return tuple(changed)


def _oddities(
    machines: Sequence[Machine], now: datetime
) -> Sequence[tuple[Wanted, Callable[[Machine], Mapping[str, Any]]]]:
    cheapest_h100 = min((m.gpu_usd_per_hour for m in machines if m.gpu.gpu_name == "H100 SXM"), default=Decimal("1.8"))
    return (
        (
            _named("H100 SXM"),
            lambda _: {"disk_gb": 11.0, "gpu_usd_per_hour": cheapest_h100, "verification": "verified"},
        ),
        (_named("RTX 4090"), lambda _: {"geolocation": "Türkiye, TR", "cpu_name": "AMD Ryzen™ 9 7950X"}),
        (_named("RTX 3090"), lambda _: {"geolocation": "Hafnarfjarðarkaupstaður, IS, EU"}),
        (_named("RTX 5090"), lambda _: {"geolocation": "Bács-Kiskun, HU, EU"}),
        (_named("RTX 4090"), lambda _: {"geolocation": None}),
        (_named("RTX A4000"), lambda _: _NO_CPU),
        (_named("RTX 3090"), lambda _: _NO_CPU),
        (_named("RTX 4070S"), lambda _: {"cuda_max": 580.2}),
        (_named("Quadro P4000"), lambda _: {"compute_cap": 243}),
        (_named("RTX 3090"), lambda _: {"reliability": 0.6412309}),
        (_named("RTX 3090"), lambda _: {"ends_at": now + timedelta(hours=6.7)}),
        (_named("RTX 4090"), lambda _: {"download_mbps": 38.7, "upload_mbps": 11.2}),
        (_named("L4"), lambda _: {"gpu_usd_per_hour": Decimal("0.0218"), "verification": "unverified"}),
        (_named("RTX 3090"), lambda _: {"download_usd_per_gb": Decimal("0.04"), "upload_usd_per_gb": Decimal("0.04")}),
        (_named("RTX 4090"), lambda _: {"open_ports": 0}),
        (_named("RTX 5090"), lambda m: {"ram_mb": m.gpu.gpu_ram_mib * m.gpu_count // 3}),
        (_named("RTX 3060"), lambda m: {"gpu_usd_per_hour": m.gpu_usd_per_hour * 20}),
    )


_NO_CPU = {"cpu_name": None, "cpu_cores": None, "cpu_ghz": None, "motherboard": None}


def _named(gpu_name: str) -> Wanted:
    return lambda machine: machine.gpu.gpu_name == gpu_name
