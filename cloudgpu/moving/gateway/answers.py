"""What a gateway says itself, in the form of an engine's own errors."""

import json

from cloudgpu.base.errors import CloudgpuError, PortInUseError
from cloudgpu.moving.gateway.route import Route

NO_SIDE = json.dumps({"error": {"message": "no side of this service answers", "type": "gateway", "code": 503}})
NO_KEY = json.dumps({"error": {"message": "Unauthorized", "type": "gateway", "code": 401}})


def port_in_use(route: Route) -> PortInUseError:
    """The error for a port that somebody else has."""
    return PortInUseError(
        f"another program listens on {route.host}:{route.port}",
        hint="choose another port: cloudgpu gateway start --port N",
    )


def refused(proxy: str, reason: str) -> CloudgpuError:
    """The error for a configuration that the proxy does not take."""
    return CloudgpuError(f"{proxy} refuses its configuration: {reason[:300]}", hint="see: cloudgpu gateway config")
