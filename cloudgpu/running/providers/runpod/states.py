"""RunPod's words for a pod, in ours, in one table.

RUNNING says that the container runs, not that it serves; a start command that exits is started again for ever, RUNNING
and billed. RUNNING without a runtime at no cost is taken for a lost host: while a host is down RunPod charges nothing,
its disks included (its documentation of 2026-08-20); that a lost host looks so is our reading. EXITED frees the GPU and
erases the container disk; a volume goes on costing, twice as much. TERMINATED is gone and bills nothing.
"""

from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.running.providers.base import InstanceState

TERMINATED = "TERMINATED"

WORDS = {
    "PROVISIONING": InstanceState.PROVISIONING,
    "STARTING": InstanceState.STARTING,
    "RUNNING": InstanceState.RUNNING,
    "EXITED": InstanceState.STOPPED,
    "ERROR": InstanceState.FAILED,
}
"""RunPod's `status`, in ours."""

_GPU_BILLED = ("PROVISIONING", "STARTING", "RUNNING")

CONTAINER_DISK_USD_PER_GB_MONTH = Decimal("0.10")
VOLUME_USD_PER_GB_MONTH = Decimal("0.10")
STOPPED_VOLUME_USD_PER_GB_MONTH = Decimal("0.20")
"""Source: RunPod documentation of 2026-08-20."""


@dataclass(frozen=True, slots=True)
class PodBilling:
    """What is charged in a state. `disk_usd_per_gb_month` and `volume_usd_per_gb_month` are the rates of that state."""

    gpu: bool
    disk_usd_per_gb_month: Decimal
    volume_usd_per_gb_month: Decimal


def pod_state(status: str, *, lost: bool) -> InstanceState:
    """Our state for RunPod's. An unknown one counts as offline: it does not serve, and may bill."""
    if lost:
        return InstanceState.OFFLINE
    return WORDS.get(status, InstanceState.OFFLINE)


def pod_billing(status: str, cost: Decimal) -> PodBilling:
    """What RunPod charges in this state; the GPU from the create on, as its image is pulled."""
    if status == "EXITED":
        return PodBilling(False, Decimal(0), STOPPED_VOLUME_USD_PER_GB_MONTH)
    return PodBilling(status in _GPU_BILLED and cost > 0, CONTAINER_DISK_USD_PER_GB_MONTH, VOLUME_USD_PER_GB_MONTH)
