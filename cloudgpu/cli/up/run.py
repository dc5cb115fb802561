"""The run of `cloudgpu up`: plan on live offers, show what it costs, ask, rent, wait, publish the address."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cloudgpu.base.errors import (
    CloudgpuError,
    ConflictError,
    InstanceFailedError,
    NothingFitsError,
    ProviderError,
    UsageError,
)
from cloudgpu.base.money import ZERO
from cloudgpu.cli import render
from cloudgpu.cli.agreement import limits_of, live_plan, new_plan, providers_for, request_of, saved_plan, spot_plan
from cloudgpu.cli.budget.state import check_budget_for
from cloudgpu.cli.deployment_view import as_row, progress_detail, show_ready
from cloudgpu.cli.failed_machine import leave_alone
from cloudgpu.cli.handover import hand_over, is_stranded
from cloudgpu.cli.interrupt import end_like_ctrl_c
from cloudgpu.cli.launch_record import write_down
from cloudgpu.cli.session import OWN, Session, open_session
from cloudgpu.moving import address
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import Plan
from cloudgpu.running.deployment import (
    Deployment,
    DeploymentState,
    Limits,
    Progress,
    UpRequest,
    bring_up,
    end_spares,
    refresh,
    refuse_taken,
)
from cloudgpu.running.deployment.failures import Failure
from cloudgpu.running.deployment.race import ELSEWHERE
from cloudgpu.running.deployment.vitals import note_work
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


def run(wish: Wish) -> None:
    """Do it. SPENDS MONEY after the user agreed. Raises what `bring_up` raises."""
    session = open_session()
    wanted = _wanted(session, wish)
    name = wish.name or wanted.model.short_name
    standing = session.store.deployment(name)
    if standing is not None and _was_cut_off(session, standing, wanted):
        return _hand_over(session, _still_there(session, standing), wish)
    refuse_taken(standing)
    stops = _stops(session, wish, name)
    check_budget_for(session, stops[0].request, stops[0].plan.needs.hours)
    if not wish.as_json:
        _show_price(stops)
        _show_standing(standing)
    if not wish.yes and not render.confirm("Start it?" if stops[0].provider == OWN else "Rent it?"):
        return render.progress("Nothing was rented.")
    for stop in stops:
        write_down(session.settings.state_dir, stop.request, wish.asked)
    failures: list[Failure] = []
    return _hand_over(session, _brought_up(session, stops, failures), wish, failures)


def _was_cut_off(session: Session, standing: Deployment, wanted: Needs) -> bool:
    """Whether it serves what is wanted but was never given its address: the command before this one was cut off."""
    if standing.state is not DeploymentState.READY or standing.model != wanted.model.model_id:
        return False
    return is_stranded(session, standing)


def _still_there(session: Session, standing: Deployment) -> Deployment:
    """What the provider shows of it now. Raises ConflictError when that is not what the journal has.

    It may have been removed by hand since: a ready deployment is promised to nobody on the journal's word alone. What
    raced with it, and was to be removed when the run was cut off, is removed now.
    """
    provider, store, clock = session.provider(standing.provider), session.store, session.clock(standing.provider)
    end_spares(standing, provider=provider, store=store, clock=clock, emit=session.emit)
    seen = refresh(standing, provider, store, clock, session.emit)
    if seen.state is DeploymentState.READY and seen.missing_since is None and not seen.last_error:
        return seen
    raise ConflictError(
        f"{standing.name} was ready when the last run was cut off, and now: {seen.last_error or seen.state.value}",
        hint=f"see what bills: cloudgpu status; remove it first: cloudgpu down {standing.name}",
    )


def _hand_over(session: Session, deployment: Deployment, wish: Wish, failures: Sequence[Failure] = ()) -> None:
    hand_over(session, deployment)
    note_work(deployment, session.store, session.clock(deployment.provider), session.emit)
    if wish.as_json:
        return render.out_json(_document(session, deployment, wish.show_key) | {"failed": _failed(failures)})
    for failure in failures:
        render.note(f"Tried before at {failure.provider}: {failure}")
    return show_ready(session, deployment, show_key=wish.show_key)


def _wanted(session: Session, wish: Wish) -> Needs:
    if wish.needs is not None and wish.plan is not None:
        raise UsageError("a model and a plan were both given", hint="give one of them: the plan names its model")
    return wish.needs or saved_plan(session, wish.plan).needs


def _stops(session: Session, wish: Wish, name: str) -> list[Stop]:
    """Where it may be rented, in order, all agreed to at once. Only the first must be there: others stand in for it."""
    saved = None if wish.needs is not None else saved_plan(session, wish.plan)
    providers = providers_for(session, wish.providers, saved)
    if wish.spot and not wish.providers:
        providers = providers[:1] if "vast" not in providers else ("vast",)
    plans: list[tuple[str, Plan]] = []
    missing: list[CloudgpuError] = []
    for provider in providers:
        try:
            plans.append((provider, _planned(session, wish, provider, saved)))
        except (NothingFitsError, ProviderError) as error:
            missing.append(error)
            render.progress(f"{provider} is left out: {error.message}")
    if not plans:
        raise missing[0]
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
        needs = _capped(_wanted(session, wish), wish)
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


def _brought_up(session: Session, stops: Sequence[Stop], failures: list[Failure]) -> Deployment:
    """The first that answers, at the first provider that has one.

    Ctrl-C, a closed terminal and a polite kill all end the same way: with everything removed that was rented.
    """
    end_like_ctrl_c()
    for stop in stops[:-1]:
        try:
            return _brought_up_at(session, stop, failures)
        except ELSEWHERE as error:
            if isinstance(error, InstanceFailedError) and error.blames_launch:
                raise
            render.progress(f"Nothing served at {stop.provider}; the next provider is tried.")
    return _brought_up_at(session, stops[-1], failures)


def _brought_up_at(session: Session, stop: Stop, failures: list[Failure]) -> Deployment:
    clock = session.clock(stop.provider)
    with render.live(clock) as shown:

        def on_progress(told: Progress) -> None:
            leave_alone(session, stop.provider, told)
            shown.phase(told.phase, progress_detail(told))

        return bring_up(
            stop.request, provider=session.provider(stop.provider), store=session.store, clock=clock,
            emit=session.emit, on_progress=on_progress, failures=failures,
        )  # fmt: skip


def _show_standing(standing: Deployment | None) -> None:
    """What an interrupted run rented already: it is gone on with, and only if it fails another is rented."""
    if standing is None or standing.state.is_final or standing.instance_id is None:
        return
    render.warning(
        f"An earlier run rented {standing.cards} already, instance {standing.instance_id}, at"
        f" {render.money(standing.usd_per_hour, 4)}/h: this goes on with it, and rents the above only if it fails."
    )


def _show_price(stops: Sequence[Stop]) -> None:
    stop = stops[0]
    request, candidate = stop.request, stop.plan.candidates[0]
    first, limits = request.rentals[0], request.limits
    offer = first.offer
    render.heading(f"{request.name}: {candidate.checkpoint} on {offer.cards}")
    render.pairs(
        [
            ("Place", f"{stop.provider}, {offer.location or 'place unknown'}, offer {offer.offer_id}"),
            ("Per hour", _per_hour(request)),
            *([("Interruptible", "a higher bid takes it away; its disk bills on")] if offer.interruptible else []),
            ("Download", f"{render.money(first.download_usd)} once, about {first.launch.download_gb:.0f} GB"),
            ("First hour", f"{render.money(first.usd_per_hour + first.download_usd)}"),
            ("Until ready", f"{render.money(_most_usd(stops))} at most, then all is removed"),
            *([("At once", f"{limits.hedge} machines; the first that answers stays")] if limits.hedge > 1 else []),
            ("Falls back", _falls_back(stops)),
            ("Lease", _lease(request)),
            ("Keeps billing", _keeps_billing(stop)),
        ]
    )  # fmt: skip


def _keeps_billing(stop: Stop) -> str:
    if stop.provider == OWN:
        return "nobody. " + " ".join(stop.plan.offers.notes)
    return "GPU while it runs, disk until it is removed, even when it is stopped"


def _most_usd(stops: Sequence[Stop]) -> Decimal:
    """The most before one answers, at all of the providers together: a limit that was given holds for all of them."""
    each = [stop.request.limits.spend_usd(stop.request.rentals) for stop in stops]
    return max(each) if stops[0].request.limits.max_spend_usd is not None else sum(each, ZERO)


def _falls_back(stops: Sequence[Stop]) -> str:
    request = stops[0].request
    others = len(request.rentals) - 1
    here = f"to {min(others, request.limits.max_attempts - 1)} of {others} more offers when this one fails"
    return here + "".join(
        f", then to {stop.provider} from {render.money(stop.request.rentals[0].usd_per_hour, 4)}/h"
        for stop in stops[1:]
    )


def _lease(request: UpRequest) -> str:
    limits = request.limits
    length = render.duration(limits.lease_s)
    words = (
        f"{length}, then it is removed by cloudgpu watch, or gc --destroy"
        if limits.ends_by_itself
        else f"{length}; it is not removed by itself: cloudgpu down {request.name}"
    )
    idle = limits.idle_stop_s
    words += f"; also after {render.duration(idle)} without work" if idle else ""
    dead = limits.dead_man_s
    return words + (f"; a timer inside ends it {render.duration(dead)} after its start" if dead else "")


def _per_hour(request: UpRequest) -> str:
    first = request.rentals[0]
    gpu, disk = render.money(first.gpu_usd_per_hour, 4), render.money(first.disk_usd_per_hour, 4)
    cap = render.money(request.limits.cap(first), 4)
    return (
        f"{render.money(first.usd_per_hour, 4)} (GPU {gpu}, disk {disk}, {first.launch.disk_gb} GB); never above {cap}"
    )


def _document(session: Session, deployment: Deployment, show_key: bool) -> dict[str, object]:
    state_dir = session.settings.state_dir
    published = address.read(deployment.service, state_dir)
    key = {"api_key": published.api_key.reveal()} if show_key and published else {}
    return {
        "deployment": as_row(session, deployment),
        "base_url": published.base_url if published else f"{deployment.endpoint}/v1",
        "model": published.model if published else deployment.health.model_id,
        "env_file": str(address.env_path(deployment.service, state_dir)),
        "json_file": str(address.json_path(deployment.service, state_dir)),
        **key,
    }


def _failed(failures: Sequence[Failure]) -> list[dict[str, object]]:
    return [
        {
            "provider": each.provider, "offer_id": each.offer_id, "machine_id": each.machine_id, "cards": each.cards,
            "error": {"code": each.error.code, "message": each.error.message}, "usd_at_most": each.usd,
        }
        for each in failures
    ]  # fmt: skip
