"""What a gateway shall do for a service, as a value and as a private file that outlives the proxy's process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadFileError, ConflictError
from cloudgpu.base.secret import REDACTED, Secret
from cloudgpu.base.whole_file import write_whole

SIDE_HEADER = "X-Cloudgpu-Deployment"
"""Names the side that a request wants, where a route is shared by header."""

_FILE = "route.json"

HEALTH_PATH = "/health"
"""Where a gateway says, without a key, whether a side answers."""


class GatewayKind(StrEnum):
    """The proxies there are."""

    HAPROXY = "haproxy"
    CADDY = "caddy"


class ShareBy(StrEnum):
    """What decides which side answers: the weights alone, or first the request's header or the model it asks for."""

    WEIGHT = "weight"
    HEADER = "header"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One side. `url` is `http(s)://host[:port]`, `api_key` the engine's own, `model` the id that it alone serves.

    `weight` is its percentage of new requests. A `standby` of weight 0 answers when no side with a weight does.
    `health_path` answers 200 without a key while the engine serves: what clients ask as HEALTH_PATH.
    """

    name: str
    url: str
    api_key: Secret
    model: str
    weight: int
    standby: bool = False
    health_path: str = HEALTH_PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where clients of a service come in, with which key, and where their requests go.

    `upstreams` stand in the order of their names, so that a move of weights is nothing but that.
    `certificate` is a PEM file with certificate and key, None for plain HTTP. `host` is the address that is bound.
    """

    service: str
    kind: GatewayKind
    host: str
    port: int
    client_key: Secret
    certificate: str | None = None
    share_by: ShareBy = ShareBy.WEIGHT
    upstreams: tuple[Upstream, ...] = ()

    @property
    def url(self) -> str:
        """Where clients of this machine come in, without the path: `http://127.0.0.1:8400`."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self.certificate else 'http'}://{name}:{self.port}"

    @property
    def is_in_the_clear(self) -> bool:
        """Others in the network can come in, and nothing on the way is encrypted."""
        return self.certificate is None and self.host not in ("localhost", "::1") and not self.host.startswith("127.")

    def upstream(self, name: str) -> Upstream | None:
        """The side of that name."""
        return next((each for each in self.upstreams if each.name == name), None)

    def joined(self, upstream: Upstream) -> "Route":
        """With this side added, or in the place of the one of its name."""
        return self.leading_to(*self.without(upstream.name).upstreams, upstream)

    def leading_to(self, *upstreams: Upstream) -> "Route":
        """With these sides and no others."""
        return replace(self, upstreams=tuple(sorted(upstreams, key=lambda each: each.name)))

    def without(self, name: str) -> "Route":
        """Without that side."""
        return replace(self, upstreams=tuple(each for each in self.upstreams if each.name != name))

    def redacted(self) -> "Route":
        """For people's eyes: no key in it."""
        hidden = Secret(REDACTED)
        upstreams = tuple(replace(each, api_key=hidden) for each in self.upstreams)
        return replace(self, client_key=hidden, upstreams=upstreams)


def gateway_folder(state_dir: Path, service: str) -> Path:
    """Where everything of a service's gateway lies."""
    return state_dir / "services" / service / "gateway"


def has_route(folder: Path) -> bool:
    """Whether a gateway was started there and not stopped since; its file is not read."""
    return (folder / _FILE).is_file()


def save_route(folder: Path, route: Route) -> None:
    """Keep it, in one step, readable by its owner alone. Raises ConflictError as `write_private` does."""
    write_private(folder / _FILE, json.dumps(_as_body(route), indent=2) + "\n")


def load_route(folder: Path) -> Route | None:
    """What was kept last; None when the service has no gateway. Raises BadFileError when it cannot be read."""
    path = folder / _FILE
    try:
        return _from_body(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFileError(
            f"the gateway's file {path} cannot be read", hint="remove its folder, then: cloudgpu gateway start"
        ) from error


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; mode 0600, folders 0700, on disk when this returns.

    Raises ConflictError when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, text, private=True)
    except OSError as error:
        raise ConflictError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="make room or set XDG_STATE_HOME to a folder of yours, then type it again",
        ) from error


def _as_body(route: Route) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "service": route.service,
        "kind": route.kind.value,
        "host": route.host,
        "port": route.port,
        "client_key": route.client_key.reveal(),
        "certificate": route.certificate,
        "share_by": route.share_by.value,
        "upstreams": [
            {
                "name": each.name,
                "url": each.url,
                "api_key": each.api_key.reveal(),
                "model": each.model,
                "weight": each.weight,
                "standby": each.standby,
                "health_path": each.health_path,
            }
            for each in route.upstreams
        ],
    }


def _from_body(body: Mapping[str, Any]) -> Route:
    return Route(
        service=body["service"],
        kind=GatewayKind(body["kind"]),
        host=body["host"],
        port=body["port"],
        client_key=Secret(body["client_key"]),
        certificate=body["certificate"],
        share_by=ShareBy(body["share_by"]),
        upstreams=tuple(Upstream(**{**each, "api_key": Secret(each["api_key"])}) for each in body["upstreams"]),
    )
