"""Where `cloudgpu up` may rent: the providers on its way, each with its plan and with what it may spend."""

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError, NothingFitsError, ProviderError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.agreement import limits_of, live_plan, new_plan, providers_for, request_of, saved_plan
from cloudgpu.cli.session import Session
from cloudgpu.cli.up.bids import spot_plan
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import Plan
from cloudgpu.running.deployment import Limits, UpRequest
from cloudgpu.serving.asked import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The command line of `up`."""

    needs: Needs | None
    plan: Path | None
    providers: tuple[str, ...]
    name: str | None
    yes: bool
    max_price: Decimal | None
    max_wait_minutes: float | None
    max_attempts: int
    max_spend: Decimal | None
    send_hf_token: bool
    show_key: bool
    as_json: bool
    hedge: int
    ttl_s: float | None
    idle_stop_s: float | None
    dead_man_s: float | None
    spot: bool
    bid: Decimal | None
    asked: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One provider on the way: what may be rented there, and the plan that says so."""

    provider: str
    plan: Plan
    request: UpRequest


def wanted(session: Session, wish: Wish) -> Needs:
    """What is to be served. Raises UsageError when both a model and a plan say it, NotFoundError without either."""
    if wish.needs is not None and wish.plan is not None:
        raise UsageError("a model and a plan were both given", hint="give one of them: the plan names its model")
    return wish.needs or saved_plan(session, wish.plan).needs


def stops_of(session: Session, wish: Wish, name: str) -> list[Stop]:
    """Where it may be rented, in order, all agreed to at once. Only the first must be there: others stand in for it."""
    saved = None if wish.needs is not None else saved_plan(session, wish.plan)
    providers = providers_for(session, wish.providers, saved)
    if wish.spot and not wish.providers:
        providers = providers[:1] if "vast" not in providers else ("vast",)
    plans: list[tuple[str, Plan]] = []
    missing: list[tuple[str, CloudgpuError]] = []
    for provider in providers:
        try:
            plans.append((provider, _planned(session, wish, provider, saved)))
        except (NothingFitsError, ProviderError) as error:
            missing.append((provider, error))
    for left_out, why in missing if plans else missing[1:]:
        render.progress(f"{left_out} is left out: {why.message}")
    if not plans:
        raise missing[0][1]
    return [
        Stop(
            provider=provider,
            plan=plan,
            request=request_of(
                session, plan, name=name, service=name, limits=_limits(wish, plan, number, len(plans)),
                send_hf_token=wish.send_hf_token, asked=wish.asked,
            ),
        )
        for number, (provider, plan) in enumerate(plans, 1)
    ]  # fmt: skip


def _limits(wish: Wish, plan: Plan, number: int, providers: int) -> Limits:
    """The limits at the provider of this number: what came before it counts, an attempt is kept for each after it."""
    attempts = max(wish.max_attempts - (providers - number), wish.hedge * number)
    agreed = limits_of(
        plan, max_price=wish.max_price, max_wait_minutes=wish.max_wait_minutes, max_attempts=attempts,
        max_spend=wish.max_spend,
    )  # fmt: skip
    return dataclasses.replace(
        agreed, hedge=wish.hedge, idle_stop_s=wish.idle_stop_s, dead_man_s=wish.dead_man_s,
        lease_s=wish.ttl_s or agreed.lease_s, ends_by_itself=wish.ttl_s is not None,
    )  # fmt: skip


def _planned(session: Session, wish: Wish, provider: str, saved: Plan | None) -> Plan:
    """The plan at this provider: the saved one while it is young and its own, else its needs are searched anew."""
    if saved is None:
        needs = _capped(wanted(session, wish), wish)
        return spot_plan(session, provider, needs, wish.bid) if wish.spot else new_plan(session, provider, needs)
    saved = dataclasses.replace(saved, needs=_capped(saved.needs, wish))
    if wish.spot:
        return spot_plan(session, provider, saved.needs, wish.bid)
    plan, change = live_plan(session, provider, saved)
    if change:
        render.progress(change)
    return plan


def _capped(needs: Needs, wish: Wish) -> Needs:
    return needs if wish.max_price is None else dataclasses.replace(needs, max_usd_per_hour=wish.max_price)
