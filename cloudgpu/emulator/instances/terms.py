"""What each of the two markets charges an instance for in a stage of its life."""

from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.base.units import HOURS_PER_MONTH
from cloudgpu.emulator.instances.instance import Instance, Stage

_VAST_GPU = frozenset({Stage.RUNNING, Stage.SERVING})
"""Vast.ai: while the container runs, whether or not the engine inside has finished loading."""

_RUNPOD_GPU = _VAST_GPU | {Stage.SCHEDULED, Stage.CREATED, Stage.LOADING, Stage.EXITED}
"""RunPod: from the create on; a container whose command ends is started again for ever, and billed."""

_DISK_FREE = frozenset({Stage.OFFLINE, Stage.UNKNOWN, Stage.TERMINATED})
"""The disk costs money from creation to destruction, except while the host is gone."""

_VOLUME_USD_PER_GB_MONTH = Decimal("0.10")
_STOPPED_VOLUME_USD_PER_GB_MONTH = Decimal("0.20")


def gpu_billed(instance: Instance, stage: Stage) -> bool:
    """Whether the GPU is charged in this stage."""
    return stage in (_VAST_GPU if instance.pod is None else _RUNPOD_GPU)


def disk_usd_per_hour(instance: Instance, stage: Stage) -> Decimal:
    """What its storage costs in this stage. A stopped pod has lost its container disk; its volume costs twice."""
    if stage in _DISK_FREE:
        return ZERO
    if instance.pod is None:
        return instance.disk_usd_per_hour
    stopped = stage is Stage.STOPPED
    rate = _STOPPED_VOLUME_USD_PER_GB_MONTH if stopped else _VOLUME_USD_PER_GB_MONTH
    return (ZERO if stopped else instance.disk_usd_per_hour) + rate * instance.pod.volume_gb / HOURS_PER_MONTH
