"""What is shown of gateways: where they are, what each side gets, what was counted."""

from cloudgpu.cli import render
from cloudgpu.cli.render import Column
from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.gateway.base import Reading
from cloudgpu.moving.gateway.route import Route, ShareBy, Upstream


def show_started(session: Session, route: Route) -> None:
    """How clients use it, and how it ends."""
    name = route.service
    render.heading(f"{name} is at {route.url}/v1, whichever model answers")
    render.pairs(
        [
            ("Model", f"{name} (every side answers to the service's own name)"),
            ("Key", f"in {address.env_path(name, session.settings.state_dir)}"),
            ("Proxy", f"{route.kind}, in the background; it goes on without cloudgpu"),
            ("Ends with", f"cloudgpu gateway stop {name}"),
        ]
    )


def show_gateway(route: Route, reading: Reading | None) -> None:
    """Its sides with their shares and counters; `reading` None: it does not run."""
    running = "" if reading is not None else f"  DOES NOT RUN: cloudgpu gateway start {route.service}"
    render.heading(f"{route.service}: {route.url}/v1 ({route.kind}){running}")
    columns = [
        Column("SIDE"), Column("SHARE", right=True), Column("HEALTH"), Column("RUNNING", right=True, drop=2),
        Column("REQUESTS", right=True), Column("ERRORS", right=True), Column("UPSTREAM", drop=1),
    ]  # fmt: skip
    rows = []
    for side in route.upstreams:
        seen = (reading or {}).get(side.name)
        share = _share(route, side)
        counted = [str(seen.in_flight), str(seen.requests), str(seen.errors)] if seen else ["–", "–", "–"]
        health = "–" if seen is None else "up" if seen.up else "DOWN"
        rows.append([side.name, share, health, *counted, side.url])
    render.table(columns, rows)


def as_json(route: Route, reading: Reading | None) -> dict[str, object]:
    """The same for a script."""
    return {
        "service": route.service,
        "kind": route.kind,
        "url": f"{route.url}/v1",
        "running": reading is not None,
        "share_by": route.share_by,
        "sides": [
            {
                "name": side.name,
                "url": side.url,
                "weight": side.weight,
                "standby": side.standby,
                "reading": (reading or {}).get(side.name),
            }
            for side in route.upstreams
        ],
    }


def _share(route: Route, side: Upstream) -> str:
    """What it gets: with nothing of the rest, a side may still be asked for by its model or in a header."""
    if side.weight or not side.standby:
        return f"{side.weight} %"
    return "stands by" if route.share_by is ShareBy.WEIGHT else f"by {route.share_by.value}"
