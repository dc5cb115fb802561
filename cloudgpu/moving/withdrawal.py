"""Takes back the address of a service whose deployment is gone or going: its host may be somebody else's tomorrow.

Behind a gateway another side may answer still: then the address stays, and tells of that one.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import BadFileError, ConflictError
from cloudgpu.base.events import Emit
from cloudgpu.moving import address
from cloudgpu.moving.announcement import address_moved
from cloudgpu.moving.entrance import gateway_address
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.running.records import Deployment, Service
from cloudgpu.running.store import Store


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Who gets all requests of a service now that the sides of these names lead nowhere any more."""

    service: str
    gone: tuple[str, ...]
    heir: str


def _untold(_: Inheritance) -> None:
    """For callers that tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Withdraws by the journal's word: it knows which deployments are gone, or are being removed. Calls no network.

    A service that another process is moving is left to that one. What a kill leaves undone, the next call does.
    `on_inherited` hears of each service whose requests go on to a side that is left behind its gateway.
    """

    store: Store
    state_dir: Path
    clock: Callable[[str], Clock]
    emit: Emit
    on_inherited: Callable[[Inheritance], None] = _untold

    def everywhere(self) -> list[str]:
        """Withdraw every address that leads only to what is gone or going; the names of those services.

        Their gateways forget such deployments too: the engine's key must not go to whoever has that host next. Raises
        ConflictError when the files cannot be removed, and as a gateway does.
        """
        return [service.name for service in self.store.services() if self.of(service.name)]

    def of(self, service: str) -> bool:
        """The same for one service; True when it had such an address."""
        if self._ended(service) is None and not self._ended_upstreams(service):
            return False
        with ExitStack() as held:
            try:
                held.enter_context(self.store.lock(f"service:{service}", f"withdrawing the address of {service}"))
            except ConflictError:
                return False  # whoever holds it moves the address
            dropped = self._drop(service)
            life = self._ended(service)  # read again, now that nobody else moves it
            heir = self._in_charge(service) if life is None else self._handed_on(service, life)
            if life is not None and heir is None:
                self._withdraw(service, life)
            elif dropped and heir is not None:
                self.on_inherited(Inheritance(service, tuple(dropped), heir))
            return heir is None and life is not None

    def _in_charge(self, name: str) -> str | None:
        service = self.store.service(name)
        return serving(service, self.state_dir) if service else None

    def _ended(self, name: str) -> Deployment | None:
        pointed = self._in_charge(name)
        return self._ended_life(pointed, name) if pointed else None

    def _ended_upstreams(self, service: str) -> list[str]:
        found = gateway_of(self.state_dir, service)
        names = [each.name for each in found[1].upstreams] if found else []
        return [name for name in names if self._ended_life(name, service)]

    def _ended_life(self, name: str, service: str) -> Deployment | None:
        """The life of that name that clients were sent to, if it is gone or going.

        It is the latest that ever answered: a later one of the name may be coming up, or be of another service.
        """
        every = self.store.deployments(include_gone=True)
        lives = [each for each in every if (each.name, each.service) == (name, service)]
        answered = [each for each in lives if each.ready_at is not None]
        life = next(reversed(answered or lives), None)
        return life if life and (life.state.is_final or life.state.is_ending) else None

    def _drop(self, service: str) -> list[str]:
        """Have the gateway forget the sides that ended; their names."""
        found = gateway_of(self.state_dir, service)
        if found is None:
            return []
        gateway, left = found
        ended = self._ended_upstreams(service)
        for name in ended:
            left = left.without(name)
        if ended:
            gateway.apply(left)
        return ended

    def _handed_on(self, name: str, life: Deployment) -> str | None:
        """The other side behind the gateway that was given the requests: one that had a share, or stood by."""
        found, service = gateway_of(self.state_dir, name), self.store.service(name)
        if found is None or service is None:
            return None
        gateway, route = found
        left = [each for each in route.upstreams if each.weight or each.standby]
        if not left:
            return None
        heir = max(left, key=lambda each: each.weight)
        gateway.apply(route.joined(replace(heir, weight=100, standby=False)))
        address.publish(gateway_address(route, heir.name, service.api_key), self.state_dir)
        self._moved(service, life, heir.name)
        return heir.name

    def _withdraw(self, name: str, life: Deployment) -> None:
        address.withdraw(name, self.state_dir)
        service = self.store.service(name)
        if service is not None:
            self._moved(service, life, None)

    def _moved(self, service: Service, life: Deployment, to: str | None) -> None:
        at = self.clock(life.provider).now()
        self.emit(address_moved(service, of=life, at=at, was=life.name, to=to))
        self.store.save_service(Service(name=service.name, api_key=service.api_key, serving=to))


def serving(service: Service, state_dir: Path) -> str | None:
    """The deployment that clients are sent to: what the address files say, else what the journal remembers."""
    try:
        published = address.read(service.name, state_dir)
    except BadFileError:
        published = None
    return published.deployment if published else service.serving
