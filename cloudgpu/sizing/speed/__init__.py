"""How fast a model runs on a card under an engine: decode, prefill, tokens per second."""

from cloudgpu.sizing.speed.estimate import estimate_speed
from cloudgpu.sizing.speed.result import SpeedEstimate
from cloudgpu.sizing.speed.workload import Workload

__all__ = ["SpeedEstimate", "Workload", "estimate_speed"]
