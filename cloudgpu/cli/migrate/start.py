"""The beginning of `cloudgpu migrate`: what is wished, what it costs, and the agreement to rent it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import CloudgpuError, ConflictError, UsageError
from cloudgpu.base.money import ZERO
from cloudgpu.base.shell_command import check_command
from cloudgpu.cli import render
from cloudgpu.cli.budget.state import check_budget_for
from cloudgpu.cli.golden_remarks import show_golden
from cloudgpu.cli.migrate.asking import OwnWords, carried
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.rental import Caps, agreement, request_again, request_for_plan, written_down
from cloudgpu.cli.migrate.sight import watch
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.strategy import check_budget, check_gateway, steps_told
from cloudgpu.cli.migrate.target import Target, plan_today, provider_of, target_of
from cloudgpu.cli.migrate.view import (
    Newcomer,
    show_new_verdict,
    show_price,
    show_verdict,
)
from cloudgpu.cli.migrate.world import (
    acts_on,
    at_work,
    check_in_charge,
    free_name,
    new_migration_id,
    open_migration,
    read_again,
    still_open,
    the_old_side,
)
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving import forward
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.double_run import DoubleRun, double_run, no_double_run
from cloudgpu.moving.gates.thresholds_file import DEFAULT, read_thresholds, shipped
from cloudgpu.moving.gateway.route import gateway_folder, has_route
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.quality.golden_file import NO_GOLDEN, golden_of
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import Plan
from cloudgpu.planning.plan_file import save_plan
from cloudgpu.running.deployment import Deployment, UpRequest
from cloudgpu.sizing.models import resolve_model

if TYPE_CHECKING:
    from cloudgpu.moving.hook import HookResult

LARGER_MODEL = "larger-model"
LARGER = 1.2
"""From so many times the parameters on, a model is a larger one: its gates let it be slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The command line of `migrate`."""

    old: str
    to: str | None
    plan: Path | None
    provider: str | None
    name: str | None
    gates: str | None
    golden: str | None
    hook: str | None
    force: bool
    send_hf_token: bool
    caps: Caps
    budget: Decimal | None
    strategy: Strategy
    asked: OwnWords
    follow: bool
    dry_run: bool
    yes: bool
    as_json: bool


def start(wish: Wish) -> None:
    """Begin a migration, or go forward again with one that was rolled back. Shows its price and asks, then SPENDS."""
    session = open_session()
    if wish.hook is not None:
        wish = replace(wish, hook=check_command(wish.hook))
    show_golden(golden_of(wish.golden), read_thresholds(wish.gates or DEFAULT))
    old = the_old_side(session, wish.old)
    target = target_of(session, wish.to, wish.plan, old)
    opened = open_migration(session, old.service)
    if opened is not None:
        if not _can_go_again(opened, old, target.needs):
            raise still_open(session, opened)
        if wish.asked:
            raise UsageError(
                f"{opened.new.name} runs already, so it cannot be started in another way",
                hint="leave --tools, --reasoning, --template and --set out, or: "
                f"cloudgpu migrate abort {opened.service}, and anew",
            )
        return _go_again(session, wish, opened, old, target.needs)
    check_in_charge(session, old)
    check_gateway(session, old.service, wish.strategy)
    return _begin(session, wish, old, target)


def _begin(session: Session, wish: Wish, old: Deployment, target: Target) -> None:
    provider = provider_of(wish.provider, target, old)
    name = free_name(session, wish.name, target.needs.model.short_name)
    plan, change = plan_today(session, target, provider, wish.caps.max_price)
    asked = carried(session, old, plan, wish.asked)
    migration = replace(_planned(session, wish, old, plan, provider, name), asked=asked.words)
    request = request_for_plan(session, plan, migration, wish.caps)
    migration = replace(migration, agreed=agreement(request))
    for each in (*([change] if change else []), *asked.left_out):
        render.progress(each)
    first = request.rentals[0].offer
    new = Newcomer(name=name, model=request.model, gpu=first.cards, most_usd_per_hour=agreement(request).usd_per_hour)
    price = _price(old, request, wish.strategy)
    check_budget(price, wish.budget)
    check_budget_for(session, request, plan.needs.hours)
    if not _agreed(session, wish, old, new, price, session.clock(provider).now()):
        return
    save_plan(plan, Path(migration.plan_file))

    def unchanged() -> Migration:
        opened = open_migration(session, old.service)
        if opened is not None:
            raise still_open(session, opened)
        check_in_charge(session, _same_old_side(session, old))
        return migration

    _go(session, wish, migration, unchanged, lambda now: written_down(session, now, request), forward.go_forward)


def _planned(session: Session, wish: Wish, old: Deployment, plan: Plan, provider: str, name: str) -> Migration:
    migration_id = new_migration_id()
    return Migration(
        migration_id=migration_id,
        service=old.service,
        old=Side(old.name, old.token),
        new=Side(name),
        model=plan.needs.model.model_id,
        provider=provider,
        plan_file=str(session.settings.state_dir / "plans" / f"{migration_id}.json"),
        created_at=utc_text(session.clock(provider).now()),
        force=wish.force,
        send_hf_token=wish.send_hf_token,
        hook=wish.hook,
        gates=_gates(wish) or _gates_by_size(old, plan.needs),
        golden=_golden(wish),
        strategy=wish.strategy,
    )


def _gates(wish: Wish) -> str | None:
    """As they are kept: a later process may stand in another folder."""
    if wish.gates is None or wish.gates in shipped():
        return wish.gates
    return str(Path(wish.gates).resolve())


def _golden(wish: Wish) -> str | None:
    """As it is kept, like the gates."""
    return wish.golden if wish.golden in (None, NO_GOLDEN) else str(Path(wish.golden).resolve())


def _gates_by_size(old: Deployment, needs: Needs) -> str:
    """A larger model may be slower within reason, but not worse."""
    try:
        before = resolve_model(old.model).parameters
    except UsageError:
        return DEFAULT
    return LARGER_MODEL if needs.model.parameters > before * LARGER else DEFAULT


def _go_again(session: Session, wish: Wish, seen: Migration, old: Deployment, needs: Needs) -> None:
    life = standing(session, seen).new
    check_gateway(session, old.service, wish.strategy)
    price = no_double_run(old.usd_per_hour, life.usd_per_hour if life else ZERO, wish.strategy)
    gpu = life.cards if life else "an instance that is gone"
    check_budget(price, wish.budget)
    now = session.clock(seen.provider).now()
    if not _agreed(session, wish, old, Newcomer(name=seen.new.name, model=seen.model, gpu=gpu), price, now):
        return

    def with_wishes() -> Migration:
        now = read_again(session, seen)
        if not now.is_open:
            raise _closed_meanwhile(now)
        if not _can_go_again(now, _same_old_side(session, old), needs):
            raise still_open(session, now)
        return replace(
            now, force=wish.force, gates=_gates(wish) or now.gates, golden=_golden(wish) or now.golden,
            hook=wish.hook or now.hook, strategy=wish.strategy,
        )  # fmt: skip

    _go(session, wish, seen, with_wishes, lambda again: request_again(session, again), forward.go_again)


def _go(
    session: Session,
    wish: Wish,
    migration: Migration,
    read_under_lock: Callable[[], Migration],
    request_for: Callable[[Migration], UpRequest],
    way: Callable[[Migration, Acts], Migration],
) -> None:
    """`read_under_lock` checks what was seen before the question was asked: another process may have acted since."""
    hooks: list[HookResult] = []
    try:
        with at_work(session, migration, "start") as progress:
            migration = read_under_lock()
            migration = way(migration, acts_on(session, migration, progress, request_for, hooks))
    except CloudgpuError:
        if not wish.as_json:
            show_new_verdict(session, migration)
        raise
    if not wish.as_json:
        show_verdict(session, migration)
    migration = watch(session, migration, hooks, until=_until(wish))
    show_outcome(session, migration, hooks, strict=True, as_json=wish.as_json)


def _until(wish: Wish) -> Callable[[Migration], bool]:
    """How long this command stays: to the end of the steps that need nobody, or with --follow to the very end."""
    if wish.follow:
        return lambda migration: migration.due is None
    return lambda migration: migration.state is not MigrationState.CANARY or migration.due is None


def _same_old_side(session: Session, old: Deployment) -> Deployment:
    """The old side as it is now. Raises ConflictError when it is not ready any more, or another life has its name."""
    now = the_old_side(session, old.name)
    if now.token != old.token:
        raise ConflictError(f"{old.name} is another deployment than a moment ago", hint="see: cloudgpu status")
    return now


def _closed_meanwhile(migration: Migration) -> ConflictError:
    return ConflictError(
        f"the migration {migration.migration_id} was closed meanwhile: it is {migration.state}",
        hint="see: cloudgpu migrate list",
    )


def _can_go_again(opened: Migration, old: Deployment, needs: Needs) -> bool:
    back = opened.state is MigrationState.ROLLED_BACK and opened.ending is None
    return back and opened.old.token == old.token and opened.model == needs.model.model_id


def _agreed(session: Session, wish: Wish, old: Deployment, new: Newcomer, price: DoubleRun, now: datetime) -> bool:
    steps = steps_told(
        wish.strategy,
        old.name,
        new.name,
        rents=price.ready_s > 0,
        behind_gateway=has_route(gateway_folder(session.settings.state_dir, old.service)),
        follows=wish.follow,
    )
    if wish.dry_run and wish.as_json:
        render.out_json(
            {
                "dry_run": True,
                "service": old.service,
                "from": old.name,
                "to": new,
                "steps": steps,
                "strategy": wish.strategy.as_body(),
                "double_run": price.as_json(),
            }
        )
        return False
    if not wish.as_json:
        show_price(old, new, price, now, replaces=wish.strategy.way is Way.REPLACE)
        render.numbered(steps)
    if wish.dry_run:
        render.note("Dry run: nothing was rented.")
        return False
    if wish.yes or render.confirm(_question(wish, old)):
        return True
    render.progress("Nothing was rented.")
    return False


def _question(wish: Wish, old: Deployment) -> str:
    if wish.strategy.way is Way.REPLACE:
        return f"Remove {old.name} first, for good, and be without any answer until the new side is up?"
    return "Start this migration?"


def _price(old: Deployment, request: UpRequest, strategy: Strategy) -> DoubleRun:
    first = request.rentals[0]
    return double_run(
        old_usd_per_hour=old.usd_per_hour,
        new_usd_per_hour=first.usd_per_hour,
        download_usd=first.download_usd,
        download_gb=first.launch.download_gb,
        download_mbps=first.offer.download_mbps,
        at_most_usd=request.limits.spend_usd(request.rentals),
        strategy=strategy,
    )
