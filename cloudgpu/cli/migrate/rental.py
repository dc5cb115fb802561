"""What may be rented for a migration's new side: agreed once, kept with the migration, and asked again above it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli import render
from cloudgpu.cli.agreement import limits_of, live_plan, request_of
from cloudgpu.cli.launch_record import write_down
from cloudgpu.cli.session import Session
from cloudgpu.cli.template_choice import asked_again
from cloudgpu.moving.life import life_of
from cloudgpu.moving.migration import Agreed, Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.planning.plan import Plan
from cloudgpu.planning.plan_file import load_plan
from cloudgpu.running.deployment import Deployment, DeploymentState, Limits, UpRequest

_ATTEMPTS = 3
_COMING_UP = (DeploymentState.PROVISIONING, DeploymentState.STARTING, DeploymentState.LOADING, DeploymentState.READY)
_MAY_COME_BACK = (DeploymentState.STOPPED, DeploymentState.OUTBID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The limits of the command line, as `up` has them; None where none was given."""

    max_price: Decimal | None = None
    max_wait_minutes: float | None = None
    max_spend: Decimal | None = None


def request_for_plan(session: Session, plan: Plan, migration: Migration, caps: Caps) -> UpRequest:
    """What may be rented for the migration's new side on a plan of today."""
    limits = limits_of(
        plan, max_price=caps.max_price, max_wait_minutes=caps.max_wait_minutes, max_attempts=_ATTEMPTS,
        max_spend=caps.max_spend,
    )  # fmt: skip
    return request_of(
        session,
        plan,
        name=migration.new.name,
        service=migration.service,
        limits=limits,
        send_hf_token=migration.send_hf_token,
        asked=asked_again(migration.asked),
        own_key=True,  # what the old side's host knows shall open nothing of the new one
    )


def agreement(request: UpRequest) -> Agreed:
    """What somebody agrees to who says yes to this request."""
    limits = request.limits
    tried = request.rentals[: limits.max_attempts]
    return Agreed(
        usd_per_hour=request.most_usd_per_hour,
        wait_s=max(limits.wait_s(rental) for rental in tried),
        spend_usd=limits.spend_usd(request.rentals),
    )


def agreed_again(session: Session, migration: Migration, *, yes: bool) -> Migration | None:
    """The migration with what may be rented to go on with it; None when the user does not want that.

    Asks only when something must be rented that costs more than was agreed, and tells the price whenever it must.
    Calls the network, rents nothing. Raises UsageError when nobody is there to be asked.
    """
    if not _must_rent(session, migration):
        return migration
    request = _request_today(session, migration)
    first, agreed = request.rentals[0], migration.agreed
    price = f"{migration.new.name} on {first.offer.cards} for {render.money(first.usd_per_hour, 4)}/h"
    if agreed and first.usd_per_hour <= agreed.usd_per_hour:
        render.progress(f"Renting {price}: {render.money(agreed.usd_per_hour, 4)}/h was agreed.")
        return migration
    now = agreement(request)
    was = f"{render.money(agreed.usd_per_hour, 4)}/h was agreed" if agreed else "no price was agreed"
    render.progress(
        f"It must be rented: {price}, never above {render.money(now.usd_per_hour, 4)}/h; {was}. Until it is ready "
        f"{render.money(now.spend_usd)} at most."
    )
    return replace(migration, agreed=now) if yes or render.confirm("Rent it?") else None


def request_again(session: Session, migration: Migration) -> UpRequest:
    """What to rent for a migration that was interrupted before its new side was up. Calls the network.

    Nothing when the new side is coming up already. Else its plan on today's market, as far as that was agreed; raises
    ConflictError when all of it is dearer.
    """
    life = life_of(migration.new, migration.service, session.store)
    if life is not None and life.state in _COMING_UP:
        return _nothing_new(session, migration, life)
    request = _request_today(session, migration)
    agreed = migration.agreed
    within = tuple(each for each in request.rentals if agreed and each.usd_per_hour <= agreed.usd_per_hour)
    if agreed is None or not within:
        raise ConflictError(
            f"{migration.new.name} would cost {render.money(request.rentals[0].usd_per_hour, 4)}/h now, more than "
            "was agreed",
            hint=f"cloudgpu migrate resume {migration.service} shows the price and asks; "
            f"cloudgpu migrate abort {migration.service} gives it up",
        )
    limits = replace(_as_agreed(agreed), max_usd_per_hour=agreed.usd_per_hour, lease_s=request.limits.lease_s)
    return written_down(session, migration, replace(request, rentals=within, limits=limits))


def written_down(session: Session, migration: Migration, request: UpRequest) -> UpRequest:
    """The request, once what it may start is kept as `up` keeps it: `profile diff` and a later migration read it."""
    write_down(session.settings.state_dir, request, asked_again(migration.asked))
    return request


def _must_rent(session: Session, migration: Migration) -> bool:
    if migration.ending or migration.state not in (MigrationState.PLANNED, MigrationState.PROVISIONING):
        return False
    life = life_of(migration.new, migration.service, session.store)
    return life is None or life.state not in (*_COMING_UP, *_MAY_COME_BACK)


def _request_today(session: Session, migration: Migration) -> UpRequest:
    plan, _ = live_plan(session, migration.provider, load_plan(Path(migration.plan_file)))
    return request_for_plan(session, plan, migration, Caps())


def _nothing_new(session: Session, migration: Migration, life: Deployment) -> UpRequest:
    """Go on with what was rented, and rent nothing else should it vanish."""
    return UpRequest(
        name=life.name,
        service=life.service,
        model=life.model,
        short_name=life.short_name,
        plan_id=life.plan_id,
        rentals=(),
        api_key=session.store.key_of(life),
        limits=_as_agreed(migration.agreed),
    )


def _as_agreed(agreed: Agreed | None) -> Limits:
    """How long and how dear the wait may be. What was rented already remembers itself what it may cost per hour."""
    if agreed is None:
        return Limits()
    return Limits(max_attempts=_ATTEMPTS, max_wait_s=agreed.wait_s, max_spend_usd=agreed.spend_usd)
