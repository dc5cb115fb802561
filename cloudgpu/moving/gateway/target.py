"""An engine's URL taken apart: what a proxy must dial, and what it must say there."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Target:
    """An engine's URL taken apart. `host` is what the Host header says."""

    scheme: str
    hostname: str
    port: int
    host: str

    @property
    def is_name(self) -> bool:
        """It must be looked up."""
        try:
            ipaddress.ip_address(self.hostname)
        except ValueError:
            return True
        return False


def target_of(url: str) -> Target:
    """An engine's URL taken apart; the port of its scheme when it names none."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Target(scheme=parts.scheme, hostname=parts.hostname or "", port=port, host=parts.netloc)
