"""What is on an instance's disk, as far as its provider tells: what grows is being downloaded, however slowly."""

from dataclasses import dataclass
from datetime import datetime

_LOGS_GB = 0.1
"""Less than this is what an engine writes beside: its logs and caches, and what a figure is rounded by."""


@dataclass(slots=True)
class Growth:
    """`used_gb` is what was there when it grew last, at `grew_at`; both None while the provider told nothing."""

    used_gb: float | None = None
    grew_at: datetime | None = None

    def note(self, used_gb: float | None, now: datetime) -> None:
        """Take one look; None: nothing was told."""
        if used_gb is not None and (self.used_gb is None or used_gb >= self.used_gb + _LOGS_GB):
            self.used_gb, self.grew_at = used_gb, now
