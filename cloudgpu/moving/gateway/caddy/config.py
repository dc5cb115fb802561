"""Caddy's configuration, which stays as it is while sides come, go and change their shares. Pure.

Two tiers, as for HAProxy: the server `clients` chooses the side and asks the other one when a side breaks before it
answered; each slot has a server of its own on a private socket, which gives the request the side's Host, key and TLS
name. A side that cannot be reached breaks that line rather than answering for it, so that `clients` tries the other.
Who stands in a slot and who gets what stands in files (`slots`), which are read at each request.
"""

from pathlib import Path
from typing import Any

from cloudgpu.moving.gateway.answers import NO_KEY, NO_SIDE
from cloudgpu.moving.gateway.caddy.slots import SHARES, SLOTS
from cloudgpu.moving.gateway.route import HEALTH_PATH, SIDE_HEADER, Route, ShareBy

_BUFFER_BYTES = 1 << 20
"""What a request may hold to be asked again of the other side."""


def config_of(route: Route, run_dir: Path) -> dict[str, Any]:
    """The whole document; of the route only its address, certificate and key are in it. `run_dir` holds the sockets."""
    servers = {server_of(slot): _side_server(slot, run_dir) for slot in SLOTS}
    apps: dict[str, Any] = {"http": {"metrics": {}, "servers": {"clients": _clients_server(route, run_dir), **servers}}}
    if route.certificate:
        apps["tls"] = {"certificates": {"load_files": [{"certificate": route.certificate, "key": route.certificate}]}}
    return {
        "admin": {"listen": f"unix/{run_dir}/admin.sock", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": apps,
    }


def server_of(slot: str) -> str:
    """What the slot's own server is called, in the counters too."""
    return f"side-{slot}"


def socket_of(slot: str, run_dir: Path) -> Path:
    """Where the slot's own server listens."""
    return run_dir / f"{slot}.sock"


def dial_of(slot: str, run_dir: Path) -> str:
    """The same in Caddy's words."""
    return f"unix/{socket_of(slot, run_dir)}"


def _clients_server(route: Route, run_dir: Path) -> dict[str, Any]:
    host = f"[{route.host}]" if ":" in route.host else route.host
    server: dict[str, Any] = {
        "listen": [f"{host}:{route.port}"],
        "protocols": ["h1", "h2"],
        "automatic_https": {"disable": True},
        "routes": [
            _refusal(route),
            {"handle": [{"handler": "vars", SHARES: f"{{file.{SHARES}}}"}]},  # read once: a move comes before or after
            *(_pick(slot, wish) for slot in SLOTS for wish in _wishes(slot)),
            *(_pick(slot, _by_share(slot)) for slot in SLOTS),
            *(_lead(slot, run_dir) for slot in SLOTS),
            {"handle": [_said(503, NO_SIDE)]},
        ],
        "errors": {"routes": [{"handle": [_said(503, NO_SIDE)]}]},
    }
    return server | ({"tls_connection_policies": [{}]} if route.certificate else {})


def _refusal(route: Route) -> dict[str, Any]:
    keyed = {"header": {"Authorization": [f"Bearer {route.client_key.reveal()}"]}}
    return {"match": [{"not": [keyed, {"path": [HEALTH_PATH]}]}], "handle": [_said(401, NO_KEY)], "terminal": True}


def _pick(slot: str, match: dict[str, Any]) -> dict[str, Any]:
    """The first that matches picks the side."""
    return {"group": "pick", "match": [match], "handle": [{"handler": "vars", "side": slot}]}


def _wishes(slot: str) -> list[dict[str, Any]]:
    asked = f'{{http.request.method}} == "POST" && {{http.request.body}}.matches({{file.{slot}.asks}})'
    return [
        {**_has(f"{slot}:by-{ShareBy.HEADER}"), "header": {SIDE_HEADER: [f"{{file.{slot}.name}}"]}},
        {"expression": f"{_shares_have(f'{slot}:by-{ShareBy.MODEL}')} && {asked}"},
    ]


def _by_share(slot: str) -> dict[str, Any]:
    leads = _shares_have(f"{slot}:leads")
    return {"expression": leads if slot == SLOTS[-1] else f"{leads} && {{http.request.uuid}} < {{http.vars.{SHARES}}}"}


def _lead(slot: str, run_dir: Path) -> dict[str, Any]:
    """To the side that was picked, and to the other one after it where that may take over."""
    other = next(each for each in SLOTS if each != slot)
    return {
        "match": [{"vars": {"{http.vars.side}": [slot]}}],
        "handle": [{"handler": "subroute", "routes": [
            {"match": [_has(f"{other}:spare")], "handle": [_proxy([slot, other], run_dir)], "terminal": True},
            {"handle": [_proxy([slot], run_dir)]},
        ]}],
        "terminal": True,
    }  # fmt: skip


def _has(word: str) -> dict[str, Any]:
    return {"vars_regexp": {f"{{http.vars.{SHARES}}}": {"pattern": word}}}


def _shares_have(word: str) -> str:
    return f'{{http.vars.{SHARES}}}.contains("{word}")'


def _proxy(slots: list[str], run_dir: Path) -> dict[str, Any]:
    proxy: dict[str, Any] = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial_of(slot, run_dir)} for slot in slots],
        "request_buffers": _BUFFER_BYTES,
        "load_balancing": {
            "selection_policy": {"policy": "first"},
            "try_duration": "10s",  # until the checks have found out, with another side to turn to
            "try_interval": "100ms" if len(slots) > 1 else "500ms",  # each try is counted as an error of the side
            "retry_match": [{"method": ["GET", "POST"]}],
        },
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}},
    }
    check = {"uri": HEALTH_PATH, "interval": "500ms", "timeout": "5s", "expect_status": 200}
    return proxy | ({"health_checks": {"active": check}} if len(slots) > 1 else {})


def _side_server(slot: str, run_dir: Path) -> dict[str, Any]:
    return {
        "listen": [dial_of(slot, run_dir)],
        "automatic_https": {"disable": True},
        "routes": [
            {"match": [{"path": [HEALTH_PATH]}], "handle": [{"handler": "rewrite", "uri": f"{{file.{slot}.health}}"}]},
            *(_engine(slot, scheme) for scheme in ("http", "https")),
            {"handle": [{"handler": "static_response", "status_code": 503}]},  # nobody stands here
        ],
        "errors": {"routes": [{"handle": [{"handler": "static_response", "abort": True}]}]},
    }


def _engine(slot: str, scheme: str) -> dict[str, Any]:
    transport: dict[str, Any] = {
        "protocol": "http",
        "dial_timeout": "5s",
        "keep_alive": {"idle_timeout": "2s"},  # below the 5 s after which the engine's server hangs up by itself
    }
    headers = {"Host": [f"{{file.{slot}.host}}"], "Authorization": [f"Bearer {{file.{slot}.key}}"]}
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{{file.{slot}.address}}"}],
        "transport": transport | ({"tls": {}} if scheme == "https" else {}),  # checked against the name that is dialled
        "headers": {"request": {"set": headers}},
    }
    return {"match": [{"vars": {f"{{file.{slot}.scheme}}": [scheme]}}], "handle": [proxy], "terminal": True}


def _said(status: int, body: str) -> dict[str, Any]:
    return {
        "handler": "static_response", "status_code": status, "body": body,
        "headers": {"Content-Type": ["application/json"]},
    }  # fmt: skip
