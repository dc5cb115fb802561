"""A route as Caddy's configuration. Pure.

Two tiers, as for HAProxy: the server `clients` chooses the side and asks another one when a side breaks before it
answered; each side has a server of its own on a private socket, which gives the request the side's Host, key and TLS
name. A side that cannot be reached breaks that line rather than answering for it, so that `clients` tries the other.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloudgpu.moving.gateway.answers import NO_KEY, NO_SIDE
from cloudgpu.moving.gateway.route import SIDE_HEADER, Route, ShareBy, Upstream
from cloudgpu.moving.gateway.target import target_of

LISTENING_FD = 240
"""The socket that the process is started with. One that Caddy opens itself is closed at each change of its
configuration, and takes along whoever has just connected."""

_BUFFER_BYTES = 1 << 20
"""What a request may hold to be asked again of the other side."""


_CLOSING = {
    "handle": [{"handler": "headers", "response": {"deferred": True, "set": {"Connection": ["close"]}}}],
}
"""Caddy hangs up on idle clients whenever its configuration changes, and one that is just asking loses its request: so
there are no idle ones."""


def config_of(route: Route, run_dir: Path) -> dict[str, Any]:
    """The whole document. `run_dir` holds the sockets."""
    servers = {f"side-{each.name}": _side_server(each, run_dir) for each in route.upstreams}
    apps: dict[str, Any] = {"http": {"metrics": {}, "servers": {"clients": _clients_server(route, run_dir), **servers}}}
    if route.certificate:
        apps["tls"] = {"certificates": {"load_files": [{"certificate": route.certificate, "key": route.certificate}]}}
    return {
        "admin": {"listen": f"unix/{run_dir}/admin.sock", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": apps,
    }


def dial_of(name: str, run_dir: Path) -> str:
    """Where a side's own server listens, in Caddy's words."""
    return f"unix/{run_dir}/{name}.sock"


def _clients_server(route: Route, run_dir: Path) -> dict[str, Any]:
    routes = [
        _CLOSING,
        _refusal(route),
        *_wanted_by_request(route, run_dir),
        _default(route, run_dir),
        _watched(route, run_dir),
    ]
    server: dict[str, Any] = {
        "listen": [f"fd/{LISTENING_FD}"],
        "automatic_https": {"disable": True},
        "routes": routes,
        "errors": {"routes": [{"handle": [_said(503, NO_SIDE)]}]},
    }
    return server | ({"tls_connection_policies": [{}]} if route.certificate else {})


def _refusal(route: Route) -> dict[str, Any]:
    keyed = {"header": {"Authorization": [f"Bearer {route.client_key.reveal()}"]}}
    return {"match": [{"not": [keyed, {"path": ["/health"]}]}], "handle": [_said(401, NO_KEY)], "terminal": True}


def _wanted_by_request(route: Route, run_dir: Path) -> list[dict[str, Any]]:
    if route.share_by is ShareBy.WEIGHT:
        return []
    return [
        {"match": [_wants(route, side)], "handle": [_proxy(_first(side, route.upstreams), run_dir)], "terminal": True}
        for side in route.upstreams
    ]


def _wants(route: Route, side: Upstream) -> dict[str, Any]:
    if route.share_by is ShareBy.HEADER:
        return {"header": {SIDE_HEADER: [side.name]}}
    pattern = rf'"model"\s*:\s*"{side.model}"'
    return {"method": ["POST"], "vars_regexp": {"{http.request.body}": {"pattern": pattern}}}


def _default(route: Route, run_dir: Path) -> dict[str, Any]:
    sharing = [each for each in route.upstreams if each.weight > 0]
    standby = [each for each in route.upstreams if each.standby]
    if not sharing:
        return {"handle": [_said(503, NO_SIDE)], "terminal": True}
    if len(sharing) > 1:
        return {"handle": [_proxy(sharing, run_dir, weights=_weights(sharing))], "terminal": True}
    return {"handle": [_proxy([*sharing, *standby], run_dir)], "terminal": True}


def _watched(route: Route, run_dir: Path) -> dict[str, Any]:
    """Never reached: it makes Caddy check the health of every side, also of one that gets no requests."""
    return {"match": [{"not": [{}]}], "handle": [_proxy(route.upstreams, run_dir)] if route.upstreams else []}


def _first(side: Upstream, every: Sequence[Upstream]) -> list[Upstream]:
    return [side, *(each for each in every if each != side and (each.weight > 0 or each.standby))]


def _weights(sharing: Sequence[Upstream]) -> list[int]:
    """As small as can be: the turns are then short."""
    divisor = math.gcd(*(each.weight for each in sharing))
    return [each.weight // divisor for each in sharing]


def _proxy(sides: Sequence[Upstream], run_dir: Path, weights: list[int] | None = None) -> dict[str, Any]:
    policy: dict[str, Any] = {"policy": "weighted_round_robin", "weights": weights} if weights else {"policy": "first"}
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial_of(each.name, run_dir)} for each in sides],
        "request_buffers": _BUFFER_BYTES,
        "load_balancing": {
            "selection_policy": policy,
            "try_duration": "10s",  # until the checks have found out, with another side to turn to
            "try_interval": "100ms",
            "retry_match": [{"method": ["GET", "POST"]}],
        },
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}},
        "health_checks": {
            "active": {"uri": "/health", "interval": "500ms", "timeout": "5s", "expect_status": 200},
        },
    }


def _side_server(side: Upstream, run_dir: Path) -> dict[str, Any]:
    target = target_of(side.url)
    transport: dict[str, Any] = {
        "protocol": "http",
        "dial_timeout": "5s",
        "keep_alive": {"idle_timeout": "2s"},  # below the 5 s after which the engine's server hangs up by itself
    }
    if target.scheme == "https":
        transport["tls"] = {"server_name": target.hostname}
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{target.hostname}:{target.port}"}],
        "transport": transport,
        "headers": {"request": {"set": {"Host": [target.host], "Authorization": [f"Bearer {side.api_key.reveal()}"]}}},
    }
    return {
        "listen": [dial_of(side.name, run_dir)],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [proxy]}],
        "errors": {"routes": [{"handle": [{"handler": "static_response", "abort": True}]}]},
    }


def _said(status: int, body: str) -> dict[str, Any]:
    return {
        "handler": "static_response", "status_code": status, "body": body,
        "headers": {"Content-Type": ["application/json"]},
    }  # fmt: skip
