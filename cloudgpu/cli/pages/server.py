"""Serves an application until Ctrl-C, and says where."""

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from cloudgpu.base.errors import PortInUseError


def run_app(app: ASGIApp, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Listen, tell the address, and serve; returns at Ctrl-C or SIGTERM.

    Raises PortInUseError when somebody listens there already, or the address is none of this machine's.
    """
    with _listening(host, port) as listener:
        announce(f"http://{host}:{listener.getsockname()[1]}")
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortInUseError(
            f"{host}:{port} cannot be listened on: {error.strerror}", hint="choose another one with --port"
        ) from None
    return listener
