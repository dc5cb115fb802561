"""RunPod: its adapter, and one file each for what it is asked and what it answers."""

from cloudgpu.running.providers.runpod.adapter import RunpodProvider, open_runpod

__all__ = ["RunpodProvider", "open_runpod"]
