"""The way to one Docker daemon: opened when it is first asked, every failure in our words, every call counted."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cloudgpu.base.clock import Clock
from cloudgpu.base.extra import need
from cloudgpu.base.settings import DockerSettings
from cloudgpu.running.providers.docker.errors import explain

T = TypeVar("T")

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
_ANSWER_S = 60.0
"""How long one answer may be silent, in real seconds."""
_SOCKETS = ("unix", "npipe", "http+unix")
_LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Daemon:
    """One daemon."""

    settings: DockerSettings
    clock: Clock
    calls: Counter[str] = field(default_factory=Counter)
    clock_ahead_s: float | None = None
    _client: Any = None

    @property
    def place(self) -> str:
        """Its address, as DOCKER_HOST has it or as Docker's own client would take it."""
        return self.settings.host.value or DEFAULT_SOCKET

    @property
    def machine(self) -> str | None:
        """The host at which it and its engines are reached, as DOCKER_HOST has it; None for this machine's own."""
        parts = urlsplit(self.place)
        host = None if self.is_here else parts.hostname
        return None if host in (_LOOPBACK, "localhost", "::1") else host

    @property
    def is_here(self) -> bool:
        """Whether it is surely this machine's: a port on loopback may be the end of a tunnel."""
        return urlsplit(self.place).scheme in _SOCKETS

    def ask(self, call: str, do: Callable[[Any], T]) -> T:
        """What `do` makes of the SDK's low-level client. `call` names it in the counts.

        Raises UsageError without the SDK, and what `explain` makes of whatever goes wrong on the way.
        """
        client = self.client()
        self.calls[call] += 1
        try:
            return do(client)
        except Exception as error:
            raise explain(error, self.place) from error

    def client(self) -> Any:  # noqa: ANN401  (the SDK has no annotations)
        """The SDK's client, made at its first use: that asks the daemon for its version."""
        if self._client is None:
            sdk = need("docker", "docker")
            try:
                way = sdk.utils.kwargs_from_env(environment=self._environment())
                self._client = sdk.APIClient(
                    **({"base_url": DEFAULT_SOCKET} | way), version="auto", timeout=_ANSWER_S,
                    use_ssh_client=self.place.startswith("ssh://"),
                )  # fmt: skip
            except Exception as error:
                raise explain(error, self.place) from error
        return self._client

    def info(self) -> Mapping[str, Any]:
        """What the daemon says of itself and its machine."""
        told: Mapping[str, Any] = self.ask("info", lambda client: client.info())
        try:
            self.clock_ahead_s = (datetime.fromisoformat(told["SystemTime"]) - self.clock.now()).total_seconds()
        except (KeyError, TypeError, ValueError):
            self.clock_ahead_s = None
        return told

    def _environment(self) -> dict[str, str]:
        """What Docker's own client reads. A variable that is not set must not be there at all."""
        told = {
            "DOCKER_HOST": self.settings.host.value, "DOCKER_TLS_VERIFY": self.settings.tls_verify,
            "DOCKER_CERT_PATH": self.settings.cert_path,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}
