"""What stands in for what is slow or needs real seconds. Everything else of the program runs as it is.

- a proxy on paper, a file that says what would run: its weights, who stands by, whom it would ask
- the gates: beside readiness, which is asked for real, they find what the tale says, after two minutes of the market's
  time in which anything may strike
- the counters of gateway and engine: the traffic that the tale's clients would have made
- waits for requests that are being answered: over at once
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cloudgpu.cli.migrate import start
from cloudgpu.moving import counters, entrance, running_acts
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.engine_metrics import FirstTokens
from cloudgpu.moving.gates.judge import Judgement
from cloudgpu.moving.gates.readiness import readiness_checks
from cloudgpu.moving.gates.thresholds_file import DEFAULT
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.gateway import desk
from cloudgpu.moving.gateway.base import Reading, SideReading
from cloudgpu.moving.gateway.haproxy.process import HaproxyGateway
from cloudgpu.moving.gateway.route import GatewayKind, Route, load_route, save_route, write_private

LIVE = "live.json"
_FOUND = {"pass": Outcome.PASS, "fail": Outcome.FAIL, "unclear": Outcome.INCONCLUSIVE}
_GATES_S = 120.0


golden_of, read_thresholds = cache(running_acts.golden_of), cache(running_acts.read_thresholds)
"""The same as ever, read once for all commands."""


def install(*, proxy_on_paper: bool) -> None:
    """Put everything in its place in this process, from which commands are forked."""
    kind = ProxyOnPaper if proxy_on_paper else HaproxyGateway
    desk._GATEWAYS = {GatewayKind.HAPROXY: kind}  # type: ignore[assignment]
    running_acts.golden_of = start.golden_of = golden_of
    running_acts.read_thresholds = start.read_thresholds = read_thresholds
    for name in (DEFAULT, start.LARGER_MODEL):
        read_thresholds(name)
    golden_of(None)
    running_acts.judge = _judge  # type: ignore[assignment]
    running_acts.warm_up = lambda *_: None  # type: ignore[assignment]
    counters.first_tokens = _first_tokens
    entrance._DRAIN_S = entrance._DRAIN_A_DEAD_SIDE_S = 0.0  # type: ignore[misc]
    entrance._SEEN_UP_S = 0.0 if proxy_on_paper else 15.0  # type: ignore[misc]


def tell_gates(home: Path, found: str) -> None:
    """What the gates shall find."""
    (home / "gates").write_text(found, encoding="utf-8")


def tell_counters(home: Path, sides: Mapping[str, Mapping[str, Any]]) -> None:
    """What gateway and engines have counted, by the engine's address."""
    (home / "counters.json").write_text(json.dumps(sides), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class ProxyOnPaper:
    """A gateway whose process is a file. See `Gateway`."""

    folder: Path

    def check(self) -> None:
        """See `Gateway`."""

    def apply(self, route: Route) -> None:
        """See `Gateway`: first what a later start will do, then what runs, with a moment between the two."""
        save_route(self.folder, route)
        sides = {each.name: [each.url, each.weight, each.standby] for each in route.upstreams}
        write_private(self.folder / LIVE, json.dumps(sides))

    def reading(self) -> Reading | None:
        """See `Gateway`. Whether a side is up is asked of the side itself, as a proxy does."""
        live = read_live(self.folder)
        return None if live is None else {name: _side(*each) for name, each in live.items()}

    def config(self) -> str:
        """See `Gateway`."""
        return "on paper" if load_route(self.folder) else ""

    def stop(self) -> bool:
        """See `Gateway`."""
        running = (self.folder / LIVE).exists()
        (self.folder / LIVE).unlink(missing_ok=True)
        return running


def read_live(folder: Path) -> dict[str, tuple[str, int, bool]] | None:
    """What the proxy on paper does: address, weight and standby by name; None when it does not run."""
    try:
        return {name: tuple(each) for name, each in json.loads((folder / LIVE).read_text()).items()}  # type: ignore[misc]
    except FileNotFoundError:
        return None


def _side(url: str, weight: int, standby: bool) -> SideReading:
    counted = _counters().get(url, {})
    return SideReading(
        weight=weight,
        standby=standby,
        up=bool(counted.get("up", True)),
        in_flight=int(counted.get("in_flight", 0)),
        requests=int(counted.get("requests", 0)),
        errors=int(counted.get("errors", 0)),
    )


def _first_tokens(endpoint: str) -> FirstTokens:
    counted = _counters().get(endpoint, {})
    return FirstTokens(count=int(counted.get("tokens", 0)), total_s=float(counted.get("ttft_s", 0.0)))


def _counters() -> Mapping[str, Mapping[str, Any]]:
    path = Path(os.environ["HOME"]) / "counters.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}  # type: ignore[no-any-return]


def _judge(old: Endpoint, new: Endpoint, _thresholds: object, clock: Any, **_: object) -> Judgement:
    clock.sleep(_GATES_S)
    found = (Path(os.environ["HOME"]) / "gates").read_text(encoding="utf-8")
    checks = (
        *readiness_checks(new),
        Check(gate="bench", name="TTFT", outcome=_FOUND[found], reason=f"the tale says {found}"),
    )
    return Judgement(verdict=Verdict(old=old.name, new=new.name, at=clock.now(), checks=checks), evidence=None)
