"""Whether a port of this machine is free."""

import socket

from cloudgpu.moving.gateway.answers import port_in_use
from cloudgpu.moving.gateway.route import Route
from cloudgpu.moving.gateway.waiting import becomes_so

_ENDING_S = 10.0
"""A killed proxy may hold its port a moment longer than its sockets."""


def need_port(route: Route, *, was_ours: bool) -> None:
    """Raises PortInUseError. A process of ours that was killed (`was_ours`) is given time to end."""
    if not becomes_so(lambda: is_free(route.host, route.port), _ENDING_S if was_ours else 0.0):
        raise port_in_use(route)


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
