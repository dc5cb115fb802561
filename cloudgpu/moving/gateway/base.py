"""What every gateway can do. Migrations know only this."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cloudgpu.moving.gateway.route import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class SideReading:
    """One side as the running proxy has it.

    `weight` is its percentage of new requests, `up` what the proxy's own health checks say, `in_flight` the requests
    that it is answering. `requests` and `errors` only grow, and may begin anew when a side joins or leaves: an error is
    an answer of 500 and above, a broken one, or none (also where another side then answered the client).
    """

    weight: int
    standby: bool
    up: bool
    in_flight: int
    requests: int
    errors: int


Reading = Mapping[str, SideReading]
"""The sides by name."""


class Gateway(Protocol):
    """One service's proxy: a process on this machine. Every act can be repeated."""

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""
        ...

    def check(self) -> None:
        """Raise CloudgpuError, with what to install, unless the proxy's program is there and new enough."""
        ...

    def apply(self, route: Route) -> None:
        """Make the proxy do this, and keep it for every later start; starts it when it does not run.

        No request is dropped and no stream cut by it. Raises PortInUseError, CloudgpuError when the proxy is not
        installed, too old or refuses.
        """
        ...

    def reading(self) -> Reading | None:
        """What it does now; None when it does not run."""
        ...

    def config(self) -> str:
        """What the proxy itself is told, its keys hidden; empty when it was told nothing yet."""
        ...

    def stop(self) -> bool:
        """Let what runs finish, take nothing new; False when it did not run."""
        ...
