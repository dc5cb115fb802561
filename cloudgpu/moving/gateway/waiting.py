"""Waits for a program of this machine, in real seconds: no provider's clock has a part in it."""

import time
from collections.abc import Callable

from cloudgpu.base.errors import CloudgpuError

_POLL_S = 0.05


def wait_until(is_so: Callable[[], bool], limit_s: float, failure: str) -> None:
    """Return when it is so. Raises CloudgpuError with this sentence when it is not in time."""
    over_at = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > over_at:
            raise CloudgpuError(failure, hint="see: cloudgpu gateway status")
        time.sleep(_POLL_S)
