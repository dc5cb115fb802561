"""Vast.ai: its adapter, and one file each for what it is asked and what it answers."""

from cloudgpu.running.providers.vast.adapter import VastProvider, open_vast

__all__ = ["VastProvider", "open_vast"]
