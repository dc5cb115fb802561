"""Waits for a program of this machine, in real seconds: no provider's clock has a part in it."""

import time
from collections.abc import Callable

from cloudgpu.base.errors import CloudgpuError

_POLL_S = 0.05


def wait_until(is_so: Callable[[], bool], limit_s: float, failure: str) -> None:
    """Return when it is so. Raises CloudgpuError with this sentence when it is not in time."""
    if not becomes_so(is_so, limit_s):
        raise CloudgpuError(failure, hint="see: cloudgpu gateway status")


def becomes_so(is_so: Callable[[], bool], limit_s: float) -> bool:
    """Whether it is so, now or so many seconds later. With 0 s it is looked at once."""
    over_at_s = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() >= over_at_s:
            return False
        time.sleep(_POLL_S)
    return True
