"""The run of `cloudgpu up`: plan on live offers, show what it costs, ask, rent, wait, publish the address."""

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cloudgpu.base.errors import ConflictError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.agreement import limits_of, live_plan, new_plan, provider_for, request_of, saved_plan
from cloudgpu.cli.deployment_view import as_row, progress_detail, show_ready
from cloudgpu.cli.failed_machine import leave_alone
from cloudgpu.cli.interrupt import end_like_ctrl_c
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving import address
from cloudgpu.moving.entrance import Shares, entrance_of
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import Plan
from cloudgpu.running.deployment import Deployment, DeploymentState, Progress, UpRequest, bring_up, refuse_taken
from cloudgpu.running.records import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The command line of `up`."""

    needs: Needs | None
    plan: Path | None
    provider: str | None
    name: str | None
    yes: bool
    max_price: Decimal | None
    max_wait_minutes: float | None
    max_attempts: int
    max_spend: Decimal | None
    send_hf_token: bool
    show_key: bool
    as_json: bool


def run(wish: Wish) -> None:
    """Do it. SPENDS MONEY after the user agreed. Raises what `bring_up` raises."""
    session = open_session()
    wanted = _wanted(session, wish)
    name = wish.name or wanted.model.short_name
    standing = session.store.deployment(name)
    if standing is not None and _is_stranded(session, standing, wanted):
        return _hand_over(session, standing, wish)
    refuse_taken(standing)
    provider, plan = _planned(session, wish)
    limits = limits_of(
        plan, max_price=wish.max_price, max_wait_minutes=wish.max_wait_minutes, max_attempts=wish.max_attempts,
        max_spend=wish.max_spend,
    )  # fmt: skip
    request = request_of(session, plan, name=name, service=name, limits=limits, send_hf_token=wish.send_hf_token)
    if not wish.as_json:
        _show_price(plan, request, provider)
        _show_standing(standing)
    if not wish.yes and not render.confirm("Rent it?"):
        return render.progress("Nothing was rented.")
    return _hand_over(session, _brought_up(session, provider, request), wish)


def _is_stranded(session: Session, standing: Deployment, wanted: Needs) -> bool:
    """Whether it serves what is wanted but was never given its address: the command before this one was cut off."""
    if standing.state is not DeploymentState.READY or standing.model != wanted.model.model_id:
        return False
    service = session.store.service(standing.service)
    is_first = service is not None and service.serving in (None, standing.name)
    return is_first and not address.env_path(standing.service, session.settings.state_dir).exists()


def _hand_over(session: Session, deployment: Deployment, wish: Wish) -> None:
    _publish(session, deployment)
    if wish.as_json:
        return render.out_json(_document(session, deployment, wish.show_key))
    return show_ready(session, deployment, show_key=wish.show_key)


def _wanted(session: Session, wish: Wish) -> Needs:
    if wish.needs is not None and wish.plan is not None:
        raise UsageError("a model and a plan were both given", hint="give one of them: the plan names its model")
    return wish.needs or saved_plan(session, wish.plan).needs


def _planned(session: Session, wish: Wish) -> tuple[str, Plan]:
    if wish.needs is not None:
        provider = provider_for(session, wish.provider)
        return provider, new_plan(session, provider, _capped(wish.needs, wish))
    saved = saved_plan(session, wish.plan)
    saved = dataclasses.replace(saved, needs=_capped(saved.needs, wish))
    provider = provider_for(session, wish.provider, saved)
    plan, change = live_plan(session, provider, saved)
    if change:
        render.progress(change)
    return provider, plan


def _capped(needs: Needs, wish: Wish) -> Needs:
    return needs if wish.max_price is None else dataclasses.replace(needs, max_usd_per_hour=wish.max_price)


def _brought_up(session: Session, provider: str, request: UpRequest) -> Deployment:
    """Ctrl-C, a closed terminal and a polite kill all end the same way: with everything removed that was rented."""
    end_like_ctrl_c()
    clock = session.clock(provider)
    with render.live(clock) as shown:

        def on_progress(told: Progress) -> None:
            leave_alone(session, provider, told)
            shown.phase(told.phase, progress_detail(told))

        return bring_up(
            request, provider=session.provider(provider), store=session.store, clock=clock, emit=session.emit,
            on_progress=on_progress,
        )  # fmt: skip


def _publish(session: Session, deployment: Deployment) -> None:
    """Point the service at it, unless another living deployment is in charge of the service."""
    service = session.store.service(deployment.service)
    if service is None:
        return
    in_charge = session.store.deployment(service.serving) if service.serving else None
    if in_charge is not None and in_charge.name != deployment.name and not in_charge.state.is_final:
        return
    try:
        entrance_of(service.name, session.store, session.settings.state_dir).share(Shares(in_charge=deployment))
    except ConflictError as error:
        raise ConflictError(
            f"{deployment.name} answers and bills {render.money(deployment.usd_per_hour, 4)}/h, but {error.message}",
            hint=f"mend that and type the same again, nothing new is rented; or: cloudgpu down {deployment.name}",
            instance_id=deployment.instance_id,
        ) from error
    session.store.save_service(Service(name=service.name, api_key=service.api_key, serving=deployment.name))


def _show_standing(standing: Deployment | None) -> None:
    """What an interrupted run rented already: it is gone on with, and only if it fails another is rented."""
    if standing is None or standing.state.is_final or standing.instance_id is None:
        return
    render.warning(
        f"An earlier run rented {standing.cards} already, instance {standing.instance_id}, at"
        f" {render.money(standing.usd_per_hour, 4)}/h: this goes on with it, and rents the above only if it fails."
    )


def _show_price(plan: Plan, request: UpRequest, provider: str) -> None:
    first, limits = request.rentals[0], request.limits
    offer, candidate = first.offer, plan.candidates[0]
    others = len(request.rentals) - 1
    render.heading(f"{request.name}: {candidate.checkpoint} on {offer.cards}")
    render.pairs(
        [
            ("Place", f"{provider}, {offer.location or 'place unknown'}, offer {offer.offer_id}"),
            ("Per hour", _per_hour(request)),
            ("Download", f"{render.money(first.download_usd)} once, about {first.launch.download_gb:.0f} GB"),
            ("First hour", f"{render.money(first.usd_per_hour + first.download_usd)}"),
            ("Until ready", f"{render.money(limits.spend_usd(request.rentals))} at most, then all is removed"),
            ("Falls back", f"to {min(others, limits.max_attempts - 1)} of {others} more offers when this one fails"),
            ("Lease", f"{limits.lease_s / 3600:g} h; it is not removed by itself: cloudgpu down {request.name}"),
            ("Keeps billing", "GPU while it runs, disk until it is removed, even when it is stopped"),
        ]
    )  # fmt: skip


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
