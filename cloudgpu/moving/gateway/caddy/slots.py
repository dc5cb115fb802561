"""What Caddy reads anew at each request: its two sides and their shares, as small files in its working folder. Pure.

A move writes such a file and leaves Caddy's configuration as it is: every change of that closes connections on which a
client is just sending.
"""

import re
from collections.abc import Iterator, Mapping

from cloudgpu.base.errors import ConflictError
from cloudgpu.moving.gateway.route import Route, Upstream
from cloudgpu.moving.gateway.target import target_of

SLOTS = ("left", "right")
"""Where a side can stand. It keeps its slot until it leaves."""

SHARES = "shares"
"""The file that says who gets the requests."""

_RANDOM_HEX_DIGITS = 8
_ABOVE_ALL_HEX = "g"

Places = Mapping[str, Upstream | None]
"""The side of each slot; None for an empty one."""


def places_of(route: Route, before: Mapping[str, str]) -> Places:
    """Every side in the slot that it has (`before`: names by slot), a newcomer in one that nobody keeps.

    Raises ConflictError for more than two sides.
    """
    if len(route.upstreams) > len(SLOTS):
        names = ", ".join(each.name for each in route.upstreams)
        raise ConflictError(
            f"Caddy leads to two sides at most, not to {names}",
            hint="end what was begun: cloudgpu migrate status; HAProxy has no such limit",
        )
    kept = {slot: route.upstream(before.get(slot, "")) for slot in SLOTS}
    newcomers = (each for each in route.upstreams if each not in kept.values())
    return {slot: side or next(newcomers, None) for slot, side in kept.items()}


def side_files(slot: str, side: Upstream | None) -> dict[str, str]:
    """The files of a slot by name, in the order of writing: the scheme opens it last, or closes it first."""
    if side is None:
        return {f"{slot}.{fact}": "" for fact in ("scheme", "address", "host", "key", "health", "asks", "name")}
    target = target_of(side.url)
    return {
        f"{slot}.name": side.name,
        f"{slot}.asks": rf'"model"\s*:\s*"{re.escape(side.model)}"',
        f"{slot}.health": side.health_path,
        f"{slot}.key": side.api_key.reveal(),
        f"{slot}.host": target.host,
        f"{slot}.address": f"{target.hostname}:{target.port}",
        f"{slot}.scheme": target.scheme,
    }


def shares_text(route: Route, places: Places) -> str:
    """Who gets a request: one whose random number, in hex, sorts before this text goes left. Words say the rest."""
    return " ".join([_threshold(places), *_words(route, places)])


def _threshold(places: Places) -> str:
    left, right = (side.weight if side else 0 for side in (places[slot] for slot in SLOTS))
    if not right:
        return _ABOVE_ALL_HEX
    return f"{16**_RANDOM_HEX_DIGITS * left // (left + right):0{_RANDOM_HEX_DIGITS}x}"


def _words(route: Route, places: Places) -> Iterator[str]:
    for slot, side in places.items():
        if side is None:
            continue
        yield f"{slot}:by-{route.share_by}"
        if side.weight:
            yield f"{slot}:leads"
        if side.weight or side.standby:
            yield f"{slot}:spare"
