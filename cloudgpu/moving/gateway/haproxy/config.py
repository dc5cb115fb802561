"""A route as HAProxy's configuration file. Pure.

Two tiers. `split` chooses the side, by weight, and asks another one when a side breaks before it answered: for that a
request is taken whole before it is led on (as far as 128 KiB hold it). Each
side has a listener of its own behind it, on a private socket, that gives the request what this side alone must see: its
Host header, its API key, its TLS name. Only that listener watches the engine; `split` follows what it finds.
"""

import hashlib
import shlex
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from cloudgpu.moving.gateway.answers import NO_KEY, NO_SIDE
from cloudgpu.moving.gateway.route import HEALTH_PATH, SIDE_HEADER, Route, ShareBy, Upstream
from cloudgpu.moving.gateway.target import target_of

STANDBY = ":standby"
"""What the name of a side's standby entry ends with."""

_GLOBAL = """\
global
    description {digest}
    maxconn 4000
    noreuseport
    tune.bufsize 131072
    stats socket {run}/admin.sock mode 600 level admin expose-fd listeners
    stats timeout 30s

defaults
    mode http
    timeout connect 5s
    timeout client 30m
    timeout server 30m
    timeout http-request 30s
    timeout http-keep-alive 60s
    timeout queue 30s
    timeout check 5s
    http-error status 503 content-type application/json string '{no_side}'
"""

_FRONTEND = """\
frontend clients
    bind {bind}
    option idle-close-on-response
    option http-buffer-request
    acl open path {open}
    acl keyed req.hdr(authorization) -m str "Bearer {key}"
    http-request return status 401 content-type application/json string '{no_key}' unless open or keyed
{choice}    default_backend split
"""

_SPLIT = """\
backend split
    balance roundrobin
    option redispatch 1
    retries 6
    retry-on conn-failure empty-response 502 503
"""

_SIDE = """\
listen side-{name}
    bind {way} mode 600
    retries 1
    retry-on empty-response
    http-request set-header Host {host}
    http-request set-header Authorization "Bearer {key}"
    option httpchk
{health_of_clients}    http-check send meth GET uri {health} ver HTTP/1.1 hdr Host {host}
    http-check expect status 200
    server engine {address} check inter 1s fall 2 rise 2{observe}{tls}{names}
"""

_RESOLVERS = """\
resolvers system
    parse-resolv-conf
"""


def config_text(route: Route, run_dir: Path) -> str:
    """The whole file. `run_dir` holds the sockets."""
    parts = [
        _GLOBAL.format(digest=digest(route), run=run_dir, no_side=NO_SIDE),
        *([_RESOLVERS] if any(target_of(each.url).is_name for each in route.upstreams) else []),
        _FRONTEND.format(
            bind=_bind(route),
            open=HEALTH_PATH,
            key=route.client_key.reveal(),
            no_key=NO_KEY,
            choice=_model_of_request(route),
        ),
        _SPLIT + "".join(_entries(route, each, run_dir) for each in route.upstreams),
        *(_side(route, each, run_dir) for each in route.upstreams),
    ]
    return "\n".join(parts)


def digest(route: Route) -> str:
    """The same for routes that differ in weights and standby alone: those need no new configuration."""
    plain = replace(route, upstreams=tuple(replace(each, weight=0, standby=False) for each in route.upstreams))
    keys = [plain.client_key.reveal(), *(each.api_key.reveal() for each in plain.upstreams)]
    return hashlib.sha256(repr([plain, keys]).encode()).hexdigest()[:16]


def _bind(route: Route) -> str:
    tls = f" ssl crt {shlex.quote(route.certificate)} alpn http/1.1" if route.certificate else ""
    return f"{route.host}:{route.port}{tls}"


def _model_of_request(route: Route) -> str:
    if route.share_by is not ShareBy.MODEL:
        return ""
    return "    http-request set-var(txn.model) req.body,json_query('$.model') if { method POST }\n"


def _entries(route: Route, side: Upstream, run_dir: Path) -> str:
    """The side twice: with its weight, and as a standby that is used when no side with a weight is up."""
    way = _way(side, run_dir)
    follow = f"track side-{side.name}/engine"
    asleep = "" if side.standby else " disabled"
    return (
        f"{_wanted_by_request(route, side)}"
        f"    server {side.name} {way} weight {side.weight} {follow}\n"
        f"    server {side.name}{STANDBY} {way} weight 1 backup {follow}{asleep}\n"
    )


def _wanted_by_request(route: Route, side: Upstream) -> str:
    match route.share_by:
        case ShareBy.HEADER:
            return f"    use-server {side.name} if {{ req.hdr({SIDE_HEADER}) -m str {side.name} }}\n"
        case ShareBy.MODEL:
            return f"    use-server {side.name} if {{ var(txn.model) -m str {shlex.quote(side.model)} }}\n"
    return ""


def _side(route: Route, side: Upstream, run_dir: Path) -> str:
    target = target_of(side.url)
    tls = f" ssl verify required ca-file @system-ca sni str({target.hostname}) check-sni {target.hostname}"
    return _SIDE.format(
        name=side.name,
        way=_way(side, run_dir),
        host=target.host,
        key=side.api_key.reveal(),
        health=_health(side),
        health_of_clients=_health_of_clients(side),
        address=f"{target.hostname}:{target.port}",
        # with another side to turn to, the first refused connection counts: waiting for the checks would fail requests
        observe=" observe layer4 error-limit 1 on-error mark-down" if len(route.upstreams) > 1 else "",
        tls=tls if target.scheme == "https" else "",
        names=" resolvers system init-addr last,libc,none" if target.is_name else "",
    )


def _health(side: Upstream) -> str:
    """As the configuration takes it: no space, no quote, no comment. What is escaped already stays so."""
    return quote(side.health_path, safe="/?=&:;,@+%")


def _health_of_clients(side: Upstream) -> str:
    if side.health_path == HEALTH_PATH:
        return ""
    return f"    http-request set-uri {_health(side).replace('%', '%%')} if {{ path {HEALTH_PATH} }}\n"


def _way(side: Upstream, run_dir: Path) -> str:
    """The socket before a side: short, whatever its name, and none of the gateway's own."""
    return f"unix@{run_dir}/side-{hashlib.sha256(side.name.encode()).hexdigest()[:12]}.sock"
