"""What is to be said of a set of golden prompts before it is asked, and so before anything is paid for it."""

from cloudgpu.cli import render
from cloudgpu.moving.gates.answers import too_few
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.quality.golden import GoldenSet


def show_golden(golden: GoldenSet | None, thresholds: Thresholds) -> None:
    """Say on stderr that it is too small to conclude from. Nothing of no set."""
    if golden is not None and (reason := too_few(len(golden.tests), thresholds.quality)):
        render.progress(
            f"{reason}, so the quality gate will be inconclusive, and a migration waits there for you: add prompts, or "
            "--golden none"
        )
