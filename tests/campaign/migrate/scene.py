"""The world of a tale: who is well, where requests go, what has been counted."""

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.moving import address
from cloudgpu.moving.gateway.haproxy.process import HaproxyGateway
from cloudgpu.moving.gateway.haproxy.socket import processes
from cloudgpu.moving.gateway.route import gateway_folder, load_route
from cloudgpu.moving.gateway.run_dir import run_dir
from tests.campaign.market import Market
from tests.campaign.migrate.moment import Moment, Traffic
from tests.campaign.migrate.operations import SERVICE
from tests.campaign.migrate.record import Record, record_of
from tests.campaign.migrate.stand_in import LIVE, read_live, tell_counters
from tests.campaign.truth import opened, truth_of

_REQUESTS = 40
"""What clients ask between two looks."""

_TTFT_S, _SLOW_TTFT_S = 0.2, 1.4
_PERMANENT = {"dies": "engine_dies", "offline": "host_offline", "stops": "stopped"}


@dataclass(slots=True)
class Scene:
    """One tale's world. `ill` are the instances that are not well, with what they have."""

    market: Market
    home: Path
    provider: str
    ill: dict[str, set[str]] = field(default_factory=dict)
    counted: dict[str, dict[str, Any]] = field(default_factory=dict)
    _state_dir: Path = field(init=False)
    _journal: Path = field(init=False)
    _gateway: Path = field(init=False)

    def __post_init__(self) -> None:
        self._state_dir = self.home / "state" / "cloudgpu"
        self._journal = self._state_dir / "cloudgpu.db"
        self._gateway = gateway_folder(self._state_dir, SERVICE)

    def look(self) -> Moment:
        """Everything as it is now: the market, the journal, where requests go."""
        exists, destroys = self.market.sight()
        with opened(self._journal) as connection:
            truth = truth_of(connection, {each: label for each, (label, _) in exists.items()})
            record = record_of(connection)
        serving = (each for each, (_, stage) in exists.items() if stage == "serving")
        well = frozenset(each for each in serving if "silent" not in self.ill.get(each, ()))
        return Moment(truth=truth, record=record, traffic=self._traffic(record, well), well=well, destroys=destroys)

    def befall(self, fate: str) -> None:
        """Let that happen now. Nothing, where there is no such side."""
        if fate == "gateway_gone":
            return self._lose_gateway()
        if fate == "well":
            self.market.heal()
            self.ill.clear()
            self.count()
            return None
        name, _, what = fate.partition("_")
        life = self._record().living(name)
        if life is not None and life.instance_id is not None:
            self._befall(life.instance_id, what)
        return None

    def count(self) -> Moment:
        """Let clients ask for a while, and write down what would have been counted; what was so meanwhile."""
        now = self.look()
        reached = now.traffic.reaches(now.well)
        for life in now.record.lives:
            if life.endpoint and life.instance_id:
                self._count(life.endpoint, life.instance_id, asked=life.instance_id in reached, well=now.well)
        tell_counters(self.home, self.counted)
        return now

    def end(self) -> None:
        """Stop what runs on this machine."""
        if load_route(self._gateway) is not None and not (self._gateway / LIVE).exists():
            HaproxyGateway(self._gateway).stop()

    def _record(self) -> Record:
        with opened(self._journal) as connection:
            return record_of(connection)

    def _traffic(self, record: Record, well: frozenset[str]) -> Traffic:
        """Where requests go, by what runs."""
        route, url = load_route(self._gateway), self._published()
        if route is None or url != route.url:
            return Traffic(frozenset([record.instance_at(url) or url] if url else []), frozenset(), None)
        sides = self._live()
        found = {url: (weight, standby) for url, weight, standby in (sides or {}).values()}
        at = {url: record.instance_at(url) or url for url in found}
        return Traffic(
            frozenset(at[url] for url, (weight, _) in found.items() if weight > 0),
            frozenset(at[url] for url, (weight, standby) in found.items() if standby and not weight),
            sides is not None,
            frozenset(each for each in at.values() if "busy" in self.ill.get(each, ())) & well,
        )

    def _live(self) -> dict[str, tuple[str, int, bool]] | None:
        if not self._is_real:
            return read_live(self._gateway)
        route, reading = load_route(self._gateway), HaproxyGateway(self._gateway).reading()
        if route is None or reading is None:
            return None
        return {
            each.name: (each.url, reading[each.name].weight, reading[each.name].standby)
            for each in route.upstreams
            if each.name in reading
        }

    @property
    def _is_real(self) -> bool:
        return (self._gateway / "haproxy.cfg").exists()

    def _published(self) -> str | None:
        """Where clients come in, as the address files say."""
        with contextlib.suppress(BadFileError):
            published = address.read(SERVICE, self._state_dir)
            return published.base_url.removesuffix("/v1") if published else None
        return None

    def _befall(self, instance_id: str, what: str) -> None:
        if what == "removed":
            self.market.remove(self.provider, instance_id)
        elif what in _PERMANENT:
            self._fault(instance_id, on="instance", do=_PERMANENT[what], after_s=0.0)
        elif what == "silent":
            for on in ("engine", "health"):
                self._fault(instance_id, on=on, do="500", times=None)
        self.ill.setdefault(instance_id, set()).add(what)
        self.count()

    def _fault(self, instance_id: str, **script: Any) -> None:
        self.market.fault({"provider": self.provider, "instance_id": instance_id, **script})

    def _count(self, endpoint: str, instance_id: str, *, asked: bool, well: frozenset[str]) -> None:
        has, ill = self.counted.setdefault(endpoint, {}), self.ill.get(instance_id, set())
        if asked:
            errors = _REQUESTS // 2 if "errs" in ill else 0
            ttft_s = _SLOW_TTFT_S if "slow" in ill else _TTFT_S
            has |= _more(has, requests=_REQUESTS, errors=errors, tokens=_REQUESTS - errors,
                         ttft_s=ttft_s * (_REQUESTS - errors))  # fmt: skip
        has |= {"up": instance_id in well, "in_flight": 3 if "busy" in ill else 0}

    def _lose_gateway(self) -> None:
        if not self._is_real:
            (self._gateway / LIVE).unlink(missing_ok=True)
            return
        with contextlib.suppress(OSError):
            master, workers = processes(run_dir(self._gateway) / "master.sock")
            for pid in (master, *(each.pid for each in workers)):
                os.kill(pid, signal.SIGKILL)


def _more(has: Mapping[str, Any], **added: float) -> dict[str, float]:
    return {name: has.get(name, 0) + value for name, value in added.items()}
