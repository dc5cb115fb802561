"""Whether a port of this machine is free."""

import socket


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
