"""When to leave an endpoint alone: it is gone or hangs, and the rest would tell nothing new."""

import threading
from dataclasses import dataclass, field

from cloudgpu.moving.bench.sample import CRASHES, Sample, Trouble

FAILED_IN_A_ROW = 6
TIMED_OUT_IN_A_ROW = 2
"""A request that hangs takes minutes, and bills meanwhile: two are enough."""


@dataclass(slots=True)
class Patience:
    """Counts crashes in a row. One for each endpoint; several threads may tell it."""

    crashes: int = 0
    timeouts: int = 0
    over: str | None = None
    """Why it is over, in a sentence; None: it is not."""
    _one_by_one: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def take(self, sample: Sample) -> None:
        """Note how a request ended. What we stopped ourselves says nothing of the endpoint."""
        if sample.trouble is Trouble.STOPPED:
            return
        with self._one_by_one:
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        self.crashes = self.crashes + 1 if sample.trouble in CRASHES else 0
        self.timeouts = self.timeouts + 1 if sample.trouble is Trouble.TIMEOUT else 0
        if self.over is None and (self.crashes >= FAILED_IN_A_ROW or self.timeouts >= TIMED_OUT_IN_A_ROW):
            self.over = f"left alone after {self.crashes} failures in a row: {sample.detail}"
