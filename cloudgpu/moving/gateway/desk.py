"""Finds the gateway that a service has."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cloudgpu.moving.gateway.base import Gateway
from cloudgpu.moving.gateway.caddy.process import CaddyGateway
from cloudgpu.moving.gateway.haproxy.process import HaproxyGateway
from cloudgpu.moving.gateway.route import GatewayKind, Route, gateway_folder, load_route


def gateway_of(state_dir: Path, service: str) -> tuple[Gateway, Route] | None:
    """The service's gateway and what it was told last; None when clients reach the service directly.

    Raises BadFileError when its file cannot be read.
    """
    folder = gateway_folder(state_dir, service)
    route = load_route(folder)
    return None if route is None else (open_gateway(route.kind, folder), route)


def open_gateway(kind: GatewayKind, folder: Path) -> Gateway:
    """The proxy of that kind that keeps its files in this folder. Starts nothing."""
    return _GATEWAYS[kind](folder)


_GATEWAYS: Mapping[GatewayKind, Callable[[Path], Gateway]] = {
    GatewayKind.HAPROXY: HaproxyGateway,
    GatewayKind.CADDY: CaddyGateway,
}
