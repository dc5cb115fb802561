"""The acts of a migration, done on rented instances."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError, ConflictError
from cloudgpu.base.events import Emit
from cloudgpu.base.money import ZERO
from cloudgpu.moving.announcement import Announcement
from cloudgpu.moving.bench.measure import warm_up
from cloudgpu.moving.bench.workload import Workload
from cloudgpu.moving.counters import count_both
from cloudgpu.moving.entrance import Entrance, Shares, entrance_of
from cloudgpu.moving.footing import Stand, stand_of, waits
from cloudgpu.moving.gates.judge import judge
from cloudgpu.moving.gates.readiness import not_measured, readiness_checks
from cloudgpu.moving.gates.thresholds_file import read_thresholds
from cloudgpu.moving.gates.verdict import Verdict
from cloudgpu.moving.gateway.route import ShareBy
from cloudgpu.moving.hook import HookResult
from cloudgpu.moving.kept_page import keep_page
from cloudgpu.moving.live import Baseline, Observation
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.naming import name_of
from cloudgpu.moving.quality.golden_file import golden_of
from cloudgpu.moving.sides import to_type, ways_now
from cloudgpu.moving.sight import Sight
from cloudgpu.moving.untold import Untold
from cloudgpu.moving.withdrawal import Withdrawal, serving
from cloudgpu.running.deployment import (
    Deployment,
    DeploymentState,
    OnProgress,
    Progress,
    UpRequest,
    bring_up,
    take_down,
)
from cloudgpu.running.deployment.coming_back import ready_when_it_answers
from cloudgpu.running.deployment.vitals import note_work
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
    _sight: Sight = field(init=False)
    _announcement: Announcement = field(init=False)

    def __post_init__(self) -> None:
        sight = Sight(service=self.service, store=self.store, provider=self.provider, clock=self.clock, emit=self.emit)
        tells = Announcement(state_dir=self.state_dir, clock=self.clock, emit=self.emit, on_hook=self.on_hook)
        object.__setattr__(self, "_sight", sight)
        object.__setattr__(self, "_announcement", tells)

    def save(self, migration: Migration) -> None:
        """See `Acts`. The event goes first, as everywhere: a kill between the two repeats it."""
        known = self.store.migration(migration.migration_id)
        if known is None or known["state"] != migration.state:
            self._announcement.of_state(migration)
        self.store.save_migration(migration.migration_id, migration.service, migration.state.value, migration.as_body())
        self._sight.blink()

    def now(self, migration: Migration) -> datetime:
        """See `Acts`."""
        return self.clock(migration.provider).now()

    def provision(self, migration: Migration) -> str:
        """See `Acts`. SPENDS MONEY unless an interrupted run has the new side up already.

        What an interrupted run rented and failed is removed: the next takes its place. What was stopped or outbid, or
        loads again, may come back and is left to the user: raises ConflictError, which says what it costs.
        """
        standing = self._sight.look(migration.new)
        if standing is not None and standing.state is DeploymentState.LOADING and standing.ready_at:
            standing = ready_when_it_answers(standing, *self._tools(standing))
        if standing is not None and standing.state is DeploymentState.READY:
            return standing.token
        if standing is not None and standing.state is DeploymentState.FAILED:
            self.destroy(migration.new)
        elif standing is not None and not standing.state.is_ending and (standing.state.is_unwell or standing.ready_at):
            raise ConflictError(waits(standing), hint=ways_now(migration, self), instance_id=standing.instance_id)
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
        return self._sight.look(side) is not None

    def is_ending(self, side: Side) -> bool:
        """See `Acts`: as the journal knows it."""
        life = self._sight.life(side)
        return life is not None and life.state.is_ending

    def is_healthy(self, side: Side) -> bool:
        """See `Acts`: the health path, the model's name, and a short completion."""
        life = self._sight.look(side)
        return life is not None and self._sight.refusal(life) is None

    def stand(self, side: Side) -> Stand:
        """See `Acts`. What its provider shows to serve nobody is not asked."""
        life = self._sight.look(side)
        answers = life is not None and not life.state.is_unwell and self._sight.refusal(life) is None
        return stand_of(life, answers=answers)

    def found(self, side: Side) -> str | None:
        """See `Acts`."""
        life = self._sight.life(side)
        return self._sight.found(life) if life else None

    def warm_up(self, migration: Migration) -> None:
        """See `Acts`. What the first answers are is no matter: the gates look at later ones."""
        life = self._sight.life(migration.new)
        if life is None or life.endpoint is None:
            raise ConflictError(f"{migration.new.name} has no endpoint", hint="see: cloudgpu status")
        self._show("warming up", f"{_WARM_UP_ASKS} answers of {life.name}")
        self._entrance().attach(life)
        with contextlib.suppress(CloudgpuError):  # the gates will say so, with a reason
            warm_up(self._sight.endpoint(life), Workload(warm_up=_WARM_UP_ASKS))

    def validate(self, migration: Migration) -> Verdict:
        """See `Acts`. Some minutes of real time; both sides bill meanwhile. An old side must be silent twice.

        Where one of them embeds, the new one is asked whether it is ready, and the rest is left to the user.
        """
        thresholds = read_thresholds(migration.gates)
        golden = golden_of(migration.golden)
        old, new = self._both(migration)
        if new is None:
            raise ConflictError(
                f"{migration.new.name} is gone", hint=f"give it up: {to_type('abort', migration, self)}"
            )
        clock = self.clock(migration.provider)
        alone = old is None or self._sight.lasting_refusal(old)
        if old is None or alone or "embedding" in (old.health.asks, new.health.asks):
            ready = readiness_checks(self._sight.endpoint(new), asks=new.health.asks)
            checks = tuple(ready if alone else [*ready, not_measured()])
            return Verdict(old=migration.old.name, new=migration.new.name, at=clock.now(), checks=checks)
        judgement = judge(
            self._sight.endpoint(old),
            self._sight.endpoint(new),
            thresholds,
            clock,
            golden=golden,
            on_progress=self._show,
        )
        with contextlib.suppress(ConflictError):  # a page to read; the verdict is in the journal
            keep_page(self.state_dir, migration.migration_id, judgement)
        return judgement.verdict

    def observe(self, migration: Migration) -> Observation:
        """See `Acts`. A new side that does not answer is asked twice: one lost request is no regression.

        Whether it makes sense is asked thoroughly when something is due, and while a failed look is remembered.
        """
        old, new = self._both(migration)
        is_due = migration.due is not None and self.now(migration) >= migration.due
        refusal, nonsense = self._sight.fault(new, thoroughly=is_due or migration.recovery is not None)
        return Observation(
            at=self.now(migration),
            old_is_healthy=old is not None and self._sight.refusal(old) is None,
            refusal=refusal,
            nonsense=nonsense,
            found=self.found(migration.new),
            counts=self._counts(migration, old, new),
        )

    def counts(self, migration: Migration) -> Baseline:
        """See `Acts`."""
        return self._counts(migration, *self._both(migration))

    def name(self, migration: Migration) -> str | None:
        """See `Acts`."""
        return name_of(migration, self.store)

    def serving(self, service: str) -> str | None:
        """See `Acts`: what the address files say, else what the journal remembers."""
        known = self.store.service(service)
        return serving(known, self.state_dir) if known else None

    def share(self, migration: Migration) -> Migration:
        """See `Acts`. Gateway or files, hook, journal: what a kill leaves undone, the next call does.

        Once requests have moved, both engines are read: from now on their money is for something else.
        """
        to, other = migration.old, migration.new
        if migration.new_percent == 100:
            to, other = other, to
        life, spare = self._sight.life(to), self._sight.life(other)
        if life is None or life.state.is_final or life.state.is_ending:
            raise ConflictError(
                f"{to.name} is gone or being removed, so the address of {self.service} cannot point to it",
                hint=f"{to_type('rollback', migration, self)}, or "
                f"{to_type('finalize', migration, self)}, which keeps the side that is left",
            )
        entrance = self._entrance()
        service = entrance.service
        moved = entrance.share(self._shares(migration, life, spare))
        if moved or service.serving != to.name:
            self._show("moving", _moved(service, to))
            migration = self._left_untold(migration, self._announcement.of_move(migration, service, life))
            self.store.save_service(Service(name=service.name, api_key=service.api_key, serving=to.name))
            for each in filter(None, (life, spare)):
                self._note_work(each)
        elif migration.untold is not None:
            self._show("telling", f"the hook that {service.name} is served by {to.name} now")
            migration = self._left_untold(migration, self._announcement.again(migration, migration.untold, life))
        return migration

    def reaches(self, side: Side) -> bool:
        """See `Acts`."""
        return self._entrance().reaches(side.name)

    def detach(self, side: Side) -> None:
        """See `Acts`."""
        self._show("draining", side.name)
        self._entrance().detach(side.name, lambda: self.is_healthy(side))

    def withdraw_address(self, migration: Migration) -> None:
        """See `Acts`: by what the journal knows of the deployment that the address points to."""
        withdrawal = Withdrawal(store=self.store, state_dir=self.state_dir, clock=self.clock, emit=self.emit)
        if withdrawal.of(migration.service):
            self._show("withdrawing", f"the address of {migration.service}: nothing is left that serves it")

    def destroy(self, side: Side) -> None:
        """See `Acts`."""
        life = self._sight.life(side)
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

    def _both(self, migration: Migration) -> tuple[Deployment | None, Deployment | None]:
        return self._sight.look(migration.old), self._sight.look(migration.new)

    def _counts(self, migration: Migration, old: Deployment | None, new: Deployment | None) -> Baseline:
        entrance = self._entrance()
        for side in filter(None, (old, new)):
            entrance.follow(side)
        return count_both(migration, old, new, entrance)

    def _entrance(self) -> Entrance:
        """As it is now: another process may have started or stopped the gateway."""
        return entrance_of(self.service, self.store, self.state_dir)

    def _left_untold(self, migration: Migration, untold: Untold | None) -> Migration:
        """Written down by itself, before the service's record says that the move is over: the caller's other changes
        may not be meant for the journal yet.
        """
        known = self.store.migration(migration.migration_id)
        if known is not None and migration.untold != untold:
            self.save(replace(Migration.from_body(known), untold=untold))
        return replace(migration, untold=untold)

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

    def _tools(self, life: Deployment) -> tuple[Provider, Store, Clock, Emit]:
        return self.provider(life.provider), self.store, self.clock(life.provider), self.emit

    def _note_work(self, life: Deployment) -> None:
        """What its engine has counted, at its start and before its end: what a million tokens cost follows from it."""
        note_work(life, self.store, self.clock(life.provider), self.emit)


def _moved(service: Service, to: Side) -> str:
    """Whom its requests leave and who gets them; nobody leaves where only the address is told again."""
    if service.serving == to.name:
        return f"the address of {service.name} is written anew"
    return f"requests of {service.name}: {f'{service.serving} → ' if service.serving else ''}{to.name}"
