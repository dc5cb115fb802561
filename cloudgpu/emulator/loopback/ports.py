"""Loopback ports of instances: bound from the moment one is promised, so that nobody else gets it, deaf until served.

A connection to such a port is refused, as it is while a real engine loads.
"""

import socket

LOOPBACK = "127.0.0.1"


def loopback_socket() -> socket.socket:
    """A TCP socket that says so: asyncio sends small answers at once only where it knows the protocol."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)


class PortKeeper:
    """Holds the sockets that no server listens on yet."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def reserve(self) -> int:
        """A free port, held from now on."""
        return self._hold(0)

    def keep(self, port: int) -> int:
        """Hold this very port; when something else has taken it, another one. Returns the port that is held."""
        if port in self._held:
            return port
        try:
            return self._hold(port)
        except OSError:
            return self._hold(0)

    def take(self, port: int) -> socket.socket:
        """The socket of a held port, for a server to listen on; it is no longer held.

        What will be left of its connections keeps nobody from holding the port again.
        """
        self.keep(port)
        taken = self._held.pop(port)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return taken

    def release(self, port: int) -> None:
        """Let a port go."""
        held = self._held.pop(port, None)
        if held is not None:
            held.close()

    def close(self) -> None:
        """Let every port go."""
        for port in tuple(self._held):
            self.release(port)

    def _hold(self, port: int) -> int:
        held = loopback_socket()
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port != 0))
            held.bind((LOOPBACK, port))
        except OSError:
            held.close()
            raise
        number = int(held.getsockname()[1])
        self._held[number] = held
        return number
