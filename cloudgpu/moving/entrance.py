"""Where the requests of a service come in, and how they are led to its sides: directly, or through a gateway."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cloudgpu.base.errors import CloudgpuError, ConflictError
from cloudgpu.base.secret import Secret
from cloudgpu.moving import address
from cloudgpu.moving.address import Address, address_of
from cloudgpu.moving.gateway.base import Gateway, SideReading
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.moving.gateway.route import Route, ShareBy, Upstream
from cloudgpu.running.records import Deployment, Service
from cloudgpu.running.store import Store

_DRAIN_S = 60.0
_DRAIN_A_DEAD_SIDE_S = 3.0
_SEEN_UP_S = 15.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Who gets the requests: `in_charge` all but the `percent` of the other, who may stand by when it has none."""

    in_charge: Deployment
    other: Deployment | None = None
    percent: int = 0
    standby: bool = False
    share_by: ShareBy = ShareBy.WEIGHT


class Entrance(Protocol):
    """One service's entrance, and the service as it was when this was opened. Every act can be repeated."""

    service: Service

    @property
    def can_share(self) -> bool:
        """Both sides of a migration can answer at the same time."""
        ...

    def attach(self, side: Deployment) -> None:
        """Make a side known, without requests; returns when the entrance can reach it."""
        ...

    def follow(self, side: Deployment) -> None:
        """Reach a side where it is now, with the share that it has; one that has none and stands by for nobody too."""
        ...

    def share(self, shares: Shares) -> bool:
        """Lead requests as this says; True when clients now read another address."""
        ...

    def detach(self, name: str, answers: Callable[[], bool]) -> None:
        """Lead nothing more to a side, wait until it has answered what it has, and forget it.

        Whether it answers is asked only when it has something to answer; of one that does not, little is waited for.
        Raises ConflictError when requests are still running on it.
        """
        ...

    def reaches(self, name: str) -> bool:
        """Whether requests may reach a side, or are still being answered by it."""
        ...

    def reading(self, name: str) -> SideReading | None:
        """What was counted for a side; None where nobody counts, or nothing runs."""
        ...


def entrance_of(service: str, store: Store, state_dir: Path) -> Entrance:
    """The service's entrance. Raises ConflictError when there is no such service, BadFileError for a damaged file."""
    known = store.service(service)
    if known is None:
        raise ConflictError(f"the journal knows no service {service}", hint="see what is rented: cloudgpu status")
    found = gateway_of(state_dir, service)
    if found is None:
        return DirectEntrance(service=known, store=store, state_dir=state_dir)
    gateway, route = found
    return GatewayEntrance(service=known, store=store, state_dir=state_dir, gateway=gateway, route=route)


@dataclass(slots=True, kw_only=True)
class DirectEntrance:
    """No gateway: the address files name one deployment, and clients go there."""

    service: Service
    store: Store
    state_dir: Path

    can_share = False

    def attach(self, side: Deployment) -> None:
        """See `Entrance`: nobody has to know it."""

    def follow(self, side: Deployment) -> None:
        """See `Entrance`."""
        if self.reaches(side.name):
            self.share(Shares(in_charge=side))

    def share(self, shares: Shares) -> bool:
        """See `Entrance`."""
        if shares.percent:
            raise ConflictError(
                f"{self.service.name} has no gateway, so two sides cannot share its requests",
                hint=f"cloudgpu gateway start {self.service.name}",
            )
        life = shares.in_charge
        return address.publish(address_of(self.service.name, life, self.store.key_of(life)), self.state_dir)

    def detach(self, name: str, answers: Callable[[], bool]) -> None:
        """See `Entrance`: who reads the address files goes elsewhere already."""

    def reaches(self, name: str) -> bool:
        """See `Entrance`. Nobody knows of requests that are still being answered."""
        published = address.read(self.service.name, self.state_dir)
        return published is not None and published.deployment == name

    def reading(self, name: str) -> SideReading | None:
        """See `Entrance`: nobody counts."""
        del name
        return None


@dataclass(slots=True, kw_only=True)
class GatewayEntrance:
    """A gateway on this machine: clients keep one address and one key, whoever answers."""

    service: Service
    store: Store
    state_dir: Path
    gateway: Gateway
    route: Route

    can_share = True

    def attach(self, side: Deployment) -> None:
        """See `Entrance`."""
        known = self.route.upstream(side.name)
        self._apply(self.route.joined(self._upstream(side, known.weight if known else 0)))
        self._wait(lambda: self._is_up(side.name), _SEEN_UP_S)
        if not self._is_up(side.name):
            raise CloudgpuError(
                f"the gateway of {self.service.name} cannot reach {side.name} at {side.endpoint}",
                hint=f"cloudgpu migrate resume {self.service.name} tries again; see: cloudgpu gateway status",
            )

    def follow(self, side: Deployment) -> None:
        """See `Entrance`."""
        known = self.route.upstream(side.name)
        if known is not None and side.endpoint not in (None, known.url):
            self._apply(self.route.joined(replace(known, url=side.endpoint)))

    def share(self, shares: Shares) -> bool:
        """See `Entrance`."""
        sides = [self._upstream(shares.in_charge, 100 - shares.percent)]
        if shares.other is not None and shares.other.endpoint is not None:
            standby = shares.standby and not shares.percent
            sides.append(replace(self._upstream(shares.other, shares.percent), standby=standby))
        self._apply(replace(self.route.leading_to(*sides), share_by=shares.share_by))
        return address.publish(self._address(shares.in_charge.name), self.state_dir)

    def detach(self, name: str, answers: Callable[[], bool]) -> None:
        """See `Entrance`."""
        side = self.route.upstream(name)
        if side is None:
            return
        self._apply(self.route.joined(replace(side, weight=0, standby=False)))
        if self._in_flight(name):
            self._drain(name, answers=answers())
        self._apply(self.route.without(name))

    def reaches(self, name: str) -> bool:
        """See `Entrance`."""
        side, seen = self.route.upstream(name), self.reading(name)
        wanted = side is not None and (side.weight > 0 or side.standby)
        return wanted or (seen is not None and (seen.weight > 0 or seen.standby or seen.in_flight > 0))

    def reading(self, name: str) -> SideReading | None:
        """See `Entrance`."""
        sides = self.gateway.reading()
        return sides.get(name) if sides is not None else None

    def _apply(self, route: Route) -> None:
        route = replace(route, client_key=self.service.api_key)
        self.gateway.apply(route)
        self.route = route

    def _upstream(self, life: Deployment, weight: int) -> Upstream:
        if life.endpoint is None:
            raise ConflictError(
                f"{life.name} has no endpoint yet, so {self.service.name} cannot point at it",
                hint="see: cloudgpu status",
            )
        return Upstream(
            name=life.name,
            url=life.endpoint,
            api_key=self.store.key_of(life),
            model=life.health.model_id,
            weight=weight,
            health_path=life.health.path,
        )

    def _address(self, in_charge: str) -> Address:
        return gateway_address(self.route, in_charge, self.service.api_key)

    def _is_up(self, name: str) -> bool:
        seen = self.reading(name)
        return seen is not None and seen.up

    def _drain(self, name: str, *, answers: bool) -> None:
        self._wait(lambda: not self._in_flight(name), _DRAIN_S if answers else _DRAIN_A_DEAD_SIDE_S)
        left = self._in_flight(name)
        if left and answers:
            raise ConflictError(
                f"{name} is still answering {left} requests, so it is not removed",
                hint=f"nothing new is sent to it; try again in a moment: cloudgpu migrate resume {self.service.name}",
            )

    def _in_flight(self, name: str) -> int:
        seen = self.reading(name)
        return seen.in_flight if seen is not None else 0

    def _wait(self, is_so: Callable[[], bool], limit_s: float) -> None:
        """Real seconds: what is waited for happens on this machine, whatever clock a provider keeps."""
        over_at = time.monotonic() + limit_s
        while not is_so() and time.monotonic() < over_at:
            time.sleep(_POLL_S)


def gateway_address(route: Route, in_charge: str, key: Secret) -> Address:
    """What clients read of a service behind a gateway. The model is the service's name: every side answers to it."""
    return Address(
        service=route.service, deployment=in_charge, base_url=f"{route.url}/v1", model=route.service, api_key=key
    )
