"""The run of `cloudgpu up`: plan on live offers, show what it costs, ask, rent, wait, publish the address."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from cloudgpu.base.errors import ConflictError, InstanceFailedError, StoreError
from cloudgpu.base.money import ZERO
from cloudgpu.cli import render
from cloudgpu.cli.budget.state import check_budget_for
from cloudgpu.cli.deployment_view import as_row, progress_detail, show_ready, usd_so_far
from cloudgpu.cli.failed_machine import leave_alone
from cloudgpu.cli.handover import answers_nobody, hand_over, is_stranded
from cloudgpu.cli.interrupt import end_like_ctrl_c
from cloudgpu.cli.launch_record import write_down
from cloudgpu.cli.looking import look_at
from cloudgpu.cli.migrate.side import refuse_name_of_side
from cloudgpu.cli.session import OWN, Session, open_session
from cloudgpu.cli.up.price import show_price, show_standing
from cloudgpu.cli.up.stops import Stop, Wish, stops_of, wanted
from cloudgpu.moving import address
from cloudgpu.planning.needs import Needs
from cloudgpu.running.deployment import (
    Deployment,
    DeploymentState,
    Progress,
    bring_up,
    end_spares,
    refresh,
    refuse_taken,
)
from cloudgpu.running.deployment.failures import Failure
from cloudgpu.running.deployment.race import ELSEWHERE
from cloudgpu.running.deployment.vitals import note_work
from cloudgpu.running.label import check_name


def run(wish: Wish) -> None:
    """Do it. SPENDS MONEY after the user agreed. Raises what `bring_up` raises."""
    session = open_session()
    needs = wanted(session, wish)
    name = wish.name or needs.model.short_name
    check_name(name)  # before anything of that name is looked up or kept
    standing = session.store.deployment(name)
    if standing is not None:
        refuse_name_of_side(session, standing)
    if standing is not None and _was_cut_off(session, standing, needs):
        return _hand_over(session, _still_there(session, standing), wish)
    refuse_taken(look_at(session, [standing])[0][0] if standing else None)
    stops = stops_of(session, wish, name)
    _refuse_own_template(stops, wish)
    check_budget_for(session, stops[0].request, stops[0].plan.needs.hours)
    if not wish.as_json:
        show_price(stops)
        show_standing(standing)
    if not wish.yes and not render.confirm("Start it?" if stops[0].provider == OWN else "Rent it?"):
        return render.progress("Nothing was rented.")
    for stop in stops:
        write_down(session.settings.state_dir, stop.request, wish.asked)
    failures: list[Failure] = []
    before = _lives(session, name)
    return _hand_over(session, _brought_up(session, stops, failures), wish, failures, before)


def _refuse_own_template(stops: Sequence[Stop], wish: Wish) -> None:
    if wish.asked.template is not None:
        from cloudgpu.cli.up.own_template import refuse_errors  # the rules are read only for a template that was chosen

        for stop in stops:
            refuse_errors(stop.plan, wish.asked)


def _lives(session: Session, name: str) -> dict[str, Deployment]:
    """Everything that ever bore the name, by its token."""
    return {each.token: each for each in session.store.deployments(include_gone=True) if each.name == name}


def _others_usd(session: Session, deployment: Deployment, before: Collection[str]) -> Decimal:
    """What this run rented and removed again has cost: the losers of a race, tries that failed."""
    others = _lives(session, deployment.name)
    return sum((usd_so_far(session, others[each]) for each in others.keys() - {*before, deployment.token}), ZERO)


def _was_cut_off(session: Session, standing: Deployment, needs: Needs) -> bool:
    """Whether it serves what is wanted but was never given its address: the command before this one was cut off."""
    if standing.state is not DeploymentState.READY or standing.model != needs.model.model_id:
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


def _hand_over(
    session: Session, deployment: Deployment, wish: Wish, failures: Sequence[Failure] = (),
    before: Collection[str] | None = None,
) -> None:  # fmt: skip
    """Its address, and the last words. Raises CleanupFailedError when either fails: it bills, and nobody is told.

    `before` are the tokens that this name had before this run; None: this run rents nothing.
    """
    hand_over(session, deployment)
    try:
        _last_words(session, deployment, wish, failures, before)
    except StoreError as error:
        raise answers_nobody(session, deployment, error) from error


def _last_words(
    session: Session, deployment: Deployment, wish: Wish, failures: Sequence[Failure], before: Collection[str] | None
) -> None:
    note_work(deployment, session.store, session.clock(deployment.provider), session.emit)
    others_usd = ZERO if before is None else _others_usd(session, deployment, before)
    if wish.as_json:
        tried = {"failed": _failed(failures), "others_usd": others_usd}
        return render.out_json(_document(session, deployment, wish.show_key) | tried)
    for failure in failures:
        render.note(f"Tried before at {failure.provider}: {failure}")
    return show_ready(session, deployment, show_key=wish.show_key, others_usd=others_usd)


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
            shown.phase(told.phase, progress_detail(told), over=told.over)

        return bring_up(
            stop.request, provider=session.provider(stop.provider), store=session.store, clock=clock,
            emit=session.emit, on_progress=on_progress, failures=failures,
        )  # fmt: skip


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
