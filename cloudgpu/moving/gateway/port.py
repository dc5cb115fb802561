"""Whether a port of this machine is free."""

import socket
import time

_LOOK_AGAIN_S = 0.05


def is_free(host: str, port: int) -> bool:
    """Nobody listens there now. It may be taken a moment later."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def comes_free(host: str, port: int, within_s: float) -> bool:
    """Whether the port is free, now or so many seconds later: a process of ours that was killed may still be ending."""
    over_at_s = time.monotonic() + within_s
    while not is_free(host, port):
        if time.monotonic() >= over_at_s:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True
