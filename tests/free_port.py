"""A port for a program that must be told one before it starts."""

import random
import socket

_FIRST, _LAST = 15_000, 32_000
"""Below those that the kernel lends to connections: no client of another test takes it before the program does."""


def free_port():
    """A port of loopback where nobody listens now, another one at each call."""
    while True:
        port = random.SystemRandom().randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
