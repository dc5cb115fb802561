"""An ask as a row of Vast.ai's search answer: every field of the real one, in its units."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.units import HOURS_PER_MONTH
from cloudgpu.emulator.fleet.machine import Ask, Machine

Row = dict[str, Any]
"""JSON values; money as Decimal."""

_PICO = Decimal("1e-12")


def storage_usd_per_hour(machine: Machine, disk_gb: Decimal) -> Decimal:
    """What `disk_gb` of this machine's disk cost an hour, to a trillionth of a dollar."""
    return (machine.storage_usd_per_gb_month * disk_gb / HOURS_PER_MONTH).quantize(_PICO)


def hardware(machine: Machine, gpu_count: int) -> Row:
    """The fields that offers and instances have in common."""
    share = gpu_count / machine.gpu_count
    return {
        **_gpu_fields(machine, gpu_count),
        **_host_fields(machine),
        "cpu_cores_effective": round((machine.cpu_cores or 0) * share, 1),
        "cpu_ram": round(machine.ram_mb * share),
        "disk_space": round(machine.disk_gb * share, 1),
        "direct_port_count": int(machine.open_ports * share),
    }


def times(ask: Ask, now: datetime) -> Row:
    """The columns that change by the second."""
    ends = ask.machine.ends(now).timestamp()
    return {"end_date": ends, "duration": ends - now.timestamp()}


def timeless_row(ask: Ask, disk_gb: Decimal, *, bid: bool) -> Row:
    """The row but for its `times`, priced with `disk_gb` of disk as Vast does: dph_total = dph_base +
    storage_total_cost."""
    machine = ask.machine
    fields = hardware(machine, len(ask.gpu_indexes))
    min_bid = (ask.gpu_usd_per_hour * machine.min_bid_share).quantize(_PICO)
    gpu_usd = min_bid if bid else ask.gpu_usd_per_hour
    prices = _prices(gpu_usd, storage_usd_per_hour(machine, disk_gb))
    return {
        **fields,
        **prices,
        **_scores(fields, prices["dph_total"], machine.reliability),
        **_always_empty(),
        "id": ask.ask_id,
        "ask_contract_id": ask.ask_id,
        "bundle_id": machine.machine_id * 31 + len(ask.gpu_indexes),
        "gpu_ids": [machine.gpu_ids[index] for index in ask.gpu_indexes],
        "rentable": ask.rentable,
        "rented": False,
        "is_bid": bid,
        "min_bid": min_bid,
        "dph_total_adj": prices["dph_total"] + machine.download_usd_per_gb * Decimal("1.25"),
        "start_date": machine.listed_at.timestamp(),
        "instance": _price_block(Decimal(0), prices["storage_total_cost"]),
    }


def _gpu_fields(machine: Machine, gpu_count: int) -> Row:
    gpu = machine.gpu
    return {
        "gpu_name": gpu.gpu_name,
        "num_gpus": gpu_count,
        "gpu_frac": gpu_count / machine.gpu_count,
        "gpu_ram": gpu.gpu_ram_mib,
        "gpu_total_ram": gpu.gpu_ram_mib * gpu_count,
        "gpu_mem_bw": round(gpu.memory_bandwidth_gb_per_s * 0.86, 1),
        "gpu_lanes": 16,
        "gpu_arch": "nvidia",
        "gpu_max_power": float(gpu.power_w),
        "gpu_max_temp": 90.0,
        "gpu_display_active": False,
        "bw_nvlink": 0.0,
        "compute_cap": machine.compute_cap,
        "total_flops": round(gpu.fp32_tflops * gpu_count, 4),
        "dlperf": round(gpu.fp32_tflops * gpu_count * (1.3 if machine.cpu_cores else 0.07), 3),
    }


def _host_fields(machine: Machine) -> Row:
    return {
        "machine_id": machine.machine_id,
        "host_id": machine.host_id,
        "cuda_max_good": machine.cuda_max,
        "driver_version": machine.driver,
        "driver_vers": _packed(machine.driver),
        "cpu_name": machine.cpu_name,
        "cpu_arch": "amd64",
        "cpu_cores": machine.cpu_cores,
        "cpu_ghz": machine.cpu_ghz,
        "has_avx": 1,
        "mobo_name": machine.motherboard,
        "pci_gen": 4.0,
        "pcie_bw": 22.4,
        "os_version": "22.04",
        "disk_name": machine.disk_name,
        "disk_bw": machine.disk_mb_per_s,
        "storage_cost": machine.storage_usd_per_gb_month,
        "inet_down": machine.download_mbps,
        "inet_up": machine.upload_mbps,
        "inet_down_cost": machine.download_usd_per_gb,
        "inet_up_cost": machine.upload_usd_per_gb,
        "internet_down_cost_per_tb": machine.download_usd_per_gb * 1024,
        "internet_up_cost_per_tb": machine.upload_usd_per_gb * 1024,
        "static_ip": machine.static_ip,
        "public_ipaddr": machine.public_ip,
        "geolocation": machine.geolocation,
        "geolocode": machine.host_id * 7919 % 10**9,
        "reliability": machine.reliability,
        "reliability2": machine.reliability,
        "verification": machine.verification,
        "vericode": int(machine.verification == "verified"),
        "hosting_type": int(machine.datacenter),
        "is_vm_deverified": machine.machine_id % 3 != 0,
        "vms_enabled": False,
        "resource_type": "gpu",
        "logo": "/static/logos/vastai_small2.png",
    }


def _packed(driver: str) -> int:
    parts = [*driver.split("."), "0", "0"][:3]
    return int("".join(part.zfill(3) for part in parts))


def _prices(gpu_usd: Decimal, storage_usd: Decimal) -> Row:
    return {
        "dph_base": gpu_usd,
        "dph_total": gpu_usd + storage_usd,
        "storage_total_cost": storage_usd,
        "discount_rate": 0.0,
        "discounted_hourly": 0.0,
        "discounted_dph_total": gpu_usd + storage_usd,
        "credit_discount_max": 0.0,
        "search": _price_block(gpu_usd, storage_usd),
    }


def _price_block(gpu_usd: Decimal, storage_usd: Decimal) -> Row:
    return {
        "gpuCostPerHour": gpu_usd,
        "diskHour": storage_usd,
        "totalHour": gpu_usd + storage_usd,
        "discountTotalHour": 0,
        "discountedTotalPerHour": gpu_usd + storage_usd,
        "slaPremiumPerHour": 0,
    }


def _scores(fields: Row, usd_per_hour: Decimal, reliability: float) -> Row:
    dollars = float(usd_per_hour)
    return {
        "dlperf_per_dphtotal": fields["dlperf"] / dollars,
        "flops_per_dphtotal": fields["total_flops"] / dollars,
        "score": fields["dlperf"] / dollars * reliability**8,
        "reliability_mult": reliability**8,
        "vram_costperhour": dollars / fields["gpu_total_ram"] * 1000,
        "expected_reliability": 0.0,
        "target_reliability": 0.0,
    }


def _always_empty() -> Row:
    return {
        "avail_vol_ask_id": None,
        "avail_vol_dph": None,
        "avail_vol_size": None,
        "bundled_results": None,
        "cluster_id": None,
        "external": None,
        "hostname": None,
        "nw_disk_avg_bw": None,
        "nw_disk_max_bw": None,
        "nw_disk_min_bw": None,
        "rn": 1,
        "sla_broker_rate": None,
        "sla_r_claim": 0.0,
        "sla_sigma_x": None,
        "time_remaining": "",
        "time_remaining_isbid": "",
        "webpage": None,
    }
