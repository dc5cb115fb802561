"""The acts of a migration, done on rented instances."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError, ConflictError
from cloudgpu.base.events import Emit, Event, EventKind
from cloudgpu.base.money import ZERO
from cloudgpu.moving import address
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.measure import warm_up
from cloudgpu.moving.bench.workload import Workload
from cloudgpu.moving.engine_metrics import FirstTokens, first_tokens
from cloudgpu.moving.entrance import Entrance, Shares, entrance_of
from cloudgpu.moving.gates.judge import judge
from cloudgpu.moving.gates.readiness import readiness_checks
from cloudgpu.moving.gates.thresholds_file import read_thresholds
from cloudgpu.moving.gates.verdict import Verdict
from cloudgpu.moving.gateway.route import ShareBy
from cloudgpu.moving.hook import HookResult, run_hook
from cloudgpu.moving.kept_page import keep_page
from cloudgpu.moving.life import life_of
from cloudgpu.moving.live import Count, Observation
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.quality.golden_file import golden_of
from cloudgpu.moving.soundness import nonsense
from cloudgpu.moving.withdrawal import Withdrawal, serving
from cloudgpu.running.deployment import (
    Deployment,
    DeploymentState,
    OnProgress,
    Progress,
    UpRequest,
    bring_up,
    refresh,
    take_down,
)
from cloudgpu.running.deployment.vitals import note_probe, note_work
from cloudgpu.running.health import Health, probe, reply
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Service
from cloudgpu.running.store import Store

_WARM_UP_ASKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningActs:
    """`Acts` for one service. `request_for` makes what is agreed to rent, and is called only when something is rented.

    `provider` and `clock` open what a deployment's provider is called by name; `on_hook` hears how the hook ended.
    """

    service: str
    store: Store
    state_dir: Path
    provider: Callable[[str], Provider]
    clock: Callable[[str], Clock]
    emit: Emit
    request_for: Callable[[Migration], UpRequest]
    on_progress: OnProgress
    on_hook: Callable[[HookResult], None]

    def save(self, migration: Migration) -> None:
        """See `Acts`. The event goes first, as everywhere: a kill between the two repeats it."""
        known = self.store.migration(migration.migration_id)
        if known is None or known["state"] != migration.state:
            self._tell_state(migration)
        self.store.save_migration(migration.migration_id, migration.service, migration.state.value, migration.as_body())

    def now(self, migration: Migration) -> datetime:
        """See `Acts`."""
        return self.clock(migration.provider).now()

    def provision(self, migration: Migration) -> str:
        """See `Acts`. SPENDS MONEY unless an interrupted run has the new side up already."""
        standing = self._look(migration.new)
        if standing is not None and standing.state is DeploymentState.READY:
            return standing.token
        deployment = bring_up(
            self.request_for(migration),
            provider=self.provider(migration.provider),
            store=self.store,
            clock=self.clock(migration.provider),
            emit=self.emit,
            on_progress=self.on_progress,
        )
        self._note_work(deployment)
        return deployment.token

    def exists(self, side: Side) -> bool:
        """See `Acts`. A provider that cannot be asked proves nothing: the side then still exists."""
        return self._look(side) is not None

    def is_ending(self, side: Side) -> bool:
        """See `Acts`: as the journal knows it."""
        life = self._life(side)
        return life is not None and life.state.is_ending

    def is_healthy(self, side: Side) -> bool:
        """See `Acts`: the health path, the model's name, and a short completion."""
        life = self._look(side)
        return life is not None and self._refusal(life) is None

    def warm_up(self, migration: Migration) -> None:
        """See `Acts`. What the first answers are is no matter: the gates look at later ones."""
        life = self._life(migration.new)
        if life is None or life.endpoint is None:
            raise ConflictError(f"{migration.new.name} has no endpoint", hint="see: cloudgpu status")
        self._show("warming up", f"{_WARM_UP_ASKS} answers of {life.name}")
        self._entrance().attach(life)
        with contextlib.suppress(CloudgpuError):  # the gates will say so, with a reason
            warm_up(self._endpoint(life), Workload(warm_up=_WARM_UP_ASKS))

    def validate(self, migration: Migration) -> Verdict:
        """See `Acts`. Some minutes of real time; both sides bill meanwhile."""
        thresholds = read_thresholds(migration.gates)
        golden = golden_of(migration.golden)
        old, new = self._look(migration.old), self._look(migration.new)
        if new is None:
            raise ConflictError(f"{migration.new.name} is gone", hint="give it up: cloudgpu migrate abort")
        clock = self.clock(migration.provider)
        if old is None or self._refusal(old):
            ready = tuple(readiness_checks(self._endpoint(new)))
            return Verdict(old=migration.old.name, new=migration.new.name, at=clock.now(), checks=ready)
        judgement = judge(
            self._endpoint(old), self._endpoint(new), thresholds, clock, golden=golden, on_progress=self._show
        )
        with contextlib.suppress(OSError):  # a page to read; the verdict is in the journal
            keep_page(self.state_dir, migration.migration_id, judgement)
        return judgement.verdict

    def observe(self, migration: Migration) -> Observation:
        """See `Acts`. A new side that does not answer is asked twice: one lost request is no regression.

        Whether it makes sense is asked thoroughly when something is due, and while a failed look is remembered.
        """
        old, new, entrance = self._look(migration.old), self._look(migration.new), self._entrance()
        for side in filter(None, (old, new)):
            entrance.follow(side)
        is_due = migration.due is not None and self.now(migration) >= migration.due
        refusal, found = self._fault(new, thoroughly=is_due or migration.recovery is not None)
        return Observation(
            at=self.now(migration),
            old_is_healthy=old is not None and self._refusal(old) is None,
            refusal=refusal,
            old=_count(migration.old, old, entrance),
            new=_count(migration.new, new, entrance),
            nonsense=found,
        )

    def serving(self, service: str) -> str | None:
        """See `Acts`: what the address files say, else what the journal remembers."""
        known = self.store.service(service)
        return serving(known, self.state_dir) if known else None

    def share(self, migration: Migration) -> None:
        """See `Acts`. Gateway or files, hook, journal: what a kill leaves undone, the next call does."""
        to, other = migration.old, migration.new
        if migration.new_percent == 100:
            to, other = other, to
        life = self._life(to)
        if life is None or life.state.is_final or life.state.is_ending:
            raise ConflictError(
                f"{to.name} is gone or being removed, so the address of {self.service} cannot point to it",
                hint="cloudgpu migrate rollback, or cloudgpu migrate finalize, which keeps the side that is left",
            )
        service = self._service()
        moved = self._entrance().share(self._shares(migration, life, self._life(other)))
        if moved or service.serving != to.name:
            self._show("moving", f"{self.service} → {to.name}")
            self._tell_hook(migration, life, service)
            self._tell_moved(service, life)
            self.store.save_service(Service(name=service.name, api_key=service.api_key, serving=to.name))

    def reaches(self, side: Side) -> bool:
        """See `Acts`."""
        return self._entrance().reaches(side.name)

    def detach(self, side: Side) -> None:
        """See `Acts`."""
        self._show("draining", side.name)
        self._entrance().detach(side.name, answers=self.is_healthy(side))

    def withdraw_address(self, migration: Migration) -> None:
        """See `Acts`: by what the journal knows of the deployment that the address points to."""
        withdrawal = Withdrawal(store=self.store, state_dir=self.state_dir, clock=self.clock, emit=self.emit)
        if withdrawal.of(migration.service):
            self._show("withdrawing", f"the address of {migration.service}: nothing is left that serves it")

    def destroy(self, side: Side) -> None:
        """See `Acts`."""
        life = self._life(side)
        if life is None or life.state.is_final:
            return
        self._note_work(life)
        take_down(
            life,
            provider=self.provider(life.provider),
            store=self.store,
            clock=self.clock(life.provider),
            emit=self.emit,
            on_progress=self.on_progress,
        )

    def _show(self, phase: str, detail: str) -> None:
        self.on_progress(Progress(phase=phase, detail=detail, elapsed_s=0, usd=ZERO))

    def _life(self, side: Side) -> Deployment | None:
        return life_of(side, self.service, self.store)

    def _look(self, side: Side) -> Deployment | None:
        """The side as its provider shows it now; None when there is none or its end is proved."""
        life = self._life(side)
        if life is None or life.state.is_final:
            return None
        seen = refresh(life, self.provider(life.provider), self.store, self.clock(life.provider), self.emit)
        return None if seen.state.is_final else seen

    def _service(self) -> Service:
        service = self.store.service(self.service)
        if service is None:
            raise ConflictError(
                f"the journal knows no service {self.service}", hint="see what is rented: cloudgpu status"
            )
        return service

    def _entrance(self) -> Entrance:
        """As it is now: another process may have started or stopped the gateway."""
        return entrance_of(self.service, self.store, self.state_dir)

    def _refusal(self, life: Deployment) -> str | None:
        """Why it does not serve as it should; None when it does."""
        health = self._health(life)
        return None if health.ready else health.detail

    def _fault(self, life: Deployment | None, *, thoroughly: bool) -> tuple[str | None, str | None]:
        """Why it does not serve as it should, asked twice; and why its answers look broken, when it does."""
        if life is None:
            return "it is gone", None
        health = self._health(life)
        health = health if health.ready else self._health(life)
        if not health.ready:
            return health.detail, None
        return None, nonsense(health.text, lambda *asked: self._reply(life, *asked), thoroughly=thoroughly)

    def _health(self, life: Deployment) -> Health:
        if life.endpoint is None or life.state.is_ending:
            detail = "its end was asked for" if life.endpoint else "it has no endpoint"
            return Health(ready=False, phase="going", detail=detail)
        health = probe(life.endpoint, self.store.key_of(life), life.health)
        note_probe(life, health.took, self.store)
        return health

    def _reply(self, life: Deployment, question: str, max_tokens: int) -> Health:
        said = reply(life.endpoint or "", self.store.key_of(life), life.health, question, max_tokens)
        note_probe(life, said.took, self.store)
        return said

    def _endpoint(self, life: Deployment) -> Endpoint:
        """The side itself, not the gateway before it."""
        return Endpoint(
            name=life.name,
            url=life.endpoint or "",
            model=life.health.model_id,
            api_key=self.store.key_of(life),
            usd_per_hour=life.usd_per_hour,
            health_path=life.health.path,
        )

    def _shares(self, migration: Migration, in_charge: Deployment, other: Deployment | None) -> Shares:
        """The other side has no part in it when it is gone or going, or has not passed the gates."""
        there = other if other and not other.state.is_final and not other.state.is_ending else None
        return Shares(
            in_charge=in_charge,
            other=there if migration.is_sharing else None,
            percent=0 if migration.new_percent == 100 else migration.new_percent,
            standby=migration.ending is None,
            share_by=migration.strategy.share_by if migration.ending is None else ShareBy.WEIGHT,
        )

    def _tell_hook(self, migration: Migration, life: Deployment, service: Service) -> None:
        published = address.read(service.name, self.state_dir)
        if migration.hook is None or published is None:
            return
        self.on_hook(
            run_hook(
                migration.hook,
                {
                    "CLOUDGPU_SERVICE": service.name,
                    "CLOUDGPU_DEPLOYMENT": life.name,
                    "CLOUDGPU_PREVIOUS": service.serving or "",
                    "CLOUDGPU_BASE_URL": published.base_url,
                    "CLOUDGPU_MODEL": published.model,
                    "CLOUDGPU_ENV_FILE": str(address.env_path(service.name, self.state_dir)),
                    "CLOUDGPU_JSON_FILE": str(address.json_path(service.name, self.state_dir)),
                },
            )
        )

    def _tell_moved(self, service: Service, life: Deployment) -> None:
        self.emit(
            Event(
                kind=EventKind.ADDRESS_MOVED,
                at=self.clock(life.provider).now(),
                deployment=life.name,
                provider=life.provider,
                data={"service": service.name, "from": service.serving, "to": life.name},
            )
        )

    def _note_work(self, life: Deployment) -> None:
        """What its engine has counted, at its start and before its end: what a million tokens cost follows from it."""
        note_work(life, self.store, self.clock(life.provider), self.emit)

    def _tell_state(self, migration: Migration) -> None:
        self.emit(
            Event(
                kind=EventKind.MIGRATION,
                at=self.clock(migration.provider).now(),
                deployment=migration.new.name,
                provider=migration.provider,
                data={
                    "migration_id": migration.migration_id,
                    "state": migration.state.value,
                    "from": migration.old.name,
                    "to": migration.new.name,
                },
            )
        )


def _count(side: Side, life: Deployment | None, entrance: Entrance) -> Count:
    seen = entrance.reading(side.name)
    engine = first_tokens(life.endpoint) if life is not None and life.endpoint is not None else FirstTokens()
    return Count(
        requests=seen.requests if seen else 0,
        errors=seen.errors if seen else 0,
        first_tokens=engine.count,
        ttft_s=engine.total_s,
    )
