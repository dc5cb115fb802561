"""The run of `cloudgpu advise`: one look, one judgement of each deployment, and what remained unknown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.markets import Reach
from cloudgpu.cli.plan.search import market_for
from cloudgpu.cli.session import EMULATED, Session
from cloudgpu.cli.sweeping import look_everywhere
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers import OfferSource
from cloudgpu.planning.plan import make_plan
from cloudgpu.running.deployment import Deployment, DeploymentState
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

_STOPPED = (DeploymentState.FAILED, DeploymentState.OUTBID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that could cost less. `saving_usd` is over the hours that were asked about."""

    kind: str
    deployment: str
    text: str
    saving_usd: Decimal
    command: str


@dataclass(slots=True, kw_only=True)
class Counsel:
    """All of it, and what could not be found out."""

    advice: list[Advice] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def run(session: Session, *, idle_s: float, hours: Decimal, offline: bool, as_json: bool) -> None:
    """Look, judge and tell."""
    counsel = counsel_of(session, idle_s=idle_s, hours=hours, offline=offline)
    if as_json:
        return render.out_json({"hours": hours, "advice": counsel.advice, "unknown": counsel.unknown})
    return _show(counsel, hours)


def counsel_of(session: Session, *, idle_s: float, hours: Decimal, offline: bool) -> Counsel:
    """What could be saved over so many hours, the most first. Calls the network unless `offline`; changes nothing.

    A look asks each engine for one token where its counters stand still.
    """
    counsel = Counsel()
    deployments = _standing(session, counsel, offline=offline)
    for each in deployments:
        found = [*_stopped(each, hours), *_idle(session, each, idle_s, hours, counsel)]
        if not found and each.state is DeploymentState.READY:
            found = [*_cheaper(each, hours, counsel, offline=offline)]
        counsel.advice += found
    if deployments:
        counsel.unknown.append(
            "How full each KV cache is over time: no history of it is kept, so a card that is too large is only found "
            "where a cheaper one fits."
        )
    counsel.advice.sort(key=lambda each: -each.saving_usd)
    return counsel


def _standing(session: Session, counsel: Counsel, *, offline: bool) -> list[Deployment]:
    if offline:
        counsel.unknown.append("What happened since the last look: nobody was asked (--offline).")
        return list(session.store.deployments())
    found = look_everywhere(session, (), vitals=True)
    counsel.unknown += [error.message for error in found.failures]
    return [each for each in found.deployments if not each.state.is_final]


def _stopped(each: Deployment, hours: Decimal) -> Iterator[Advice]:
    if each.state in _STOPPED and each.disk_usd_per_hour:
        yield Advice(
            kind="stopped_disk", deployment=each.name, saving_usd=each.disk_usd_per_hour * hours,
            text=f"it is {each.state.value} and serves nothing, and its disk may bill on at "
            f"{render.money(each.disk_usd_per_hour, 4)}/h",
            command=f"cloudgpu down {each.name}",
        )  # fmt: skip


def _idle(session: Session, each: Deployment, idle_s: float, hours: Decimal, counsel: Counsel) -> Iterator[Advice]:
    if each.state is not DeploymentState.READY:
        return
    if each.work_done is None:
        counsel.unknown.append(f"Whether {each.name} works: its engine's counters were not read yet, or it has none.")
    elif each.idle_since is not None:
        quiet_s = (session.clock(each.provider).now() - each.idle_since).total_seconds()
        if quiet_s >= idle_s:
            yield Advice(
                kind="idle", deployment=each.name, saving_usd=each.usd_per_hour * hours,
                text=f"no token for {render.duration(quiet_s)}, at {render.money(each.usd_per_hour, 4)}/h",
                command=f"cloudgpu down {each.name}",
            )  # fmt: skip


def _cheaper(each: Deployment, hours: Decimal, counsel: Counsel, *, offline: bool) -> Iterator[Advice]:
    """The cheapest offer that fits now, all in: its download, its way to the first answer, and the double run."""
    try:
        needs = _needs(each, hours, offline=offline)
        market, now = market_for(needs, reach=Reach.OFFLINE if offline else Reach.KEYED)
        best = make_plan(needs, market, now).cheapest
    except CloudgpuError as error:
        counsel.unknown.append(f"Whether something cheaper than {each.name} fits: {error.message}.")
        return
    if market.source is OfferSource.REFERENCE:
        counsel.unknown.append(f"What offers in place of {each.name} cost now: they are reference figures, not live.")
    saving = each.usd_per_hour * hours - best.usd_total if best else Decimal(0)
    if best is None or saving <= 0:
        return
    counsel.unknown.append(
        f"Which context {each.name} was asked for: offers were compared by the model's default. Plan before you move."
    )
    prices = f"{render.money(best.total_usd_per_hour, 4)}/h instead of {render.money(each.usd_per_hour, 4)}/h"
    yield Advice(
        kind="cheaper", deployment=each.name, saving_usd=saving,
        text=f"{best.offer.cards} at {best.offer.provider} fits for {prices}; the move is counted in",
        command=f"cloudgpu plan {each.short_name} --migrate-from {each.name}",
    )  # fmt: skip


def _needs(each: Deployment, hours: Decimal, *, offline: bool) -> Needs:
    where = (each.provider,) if each.provider in EMULATED and not offline else ()
    return Needs(
        model=resolve_model(each.short_name), options=ServingOptions(), hours=hours, providers=where,
        old_usd_per_hour=each.usd_per_hour,
    )  # fmt: skip


def _show(counsel: Counsel, hours: Decimal) -> None:
    for each in counsel.advice:
        saved = f"saves {render.money(each.saving_usd)} in {hours.normalize():f} h"
        render.text(f"{each.deployment}: {each.text}; {saved}: {each.command}")
    if not counsel.advice:
        render.text("Nothing was found that could cost less.")
    for line in counsel.unknown:
        render.note(f"Not known: {line[0].lower()}{line[1:]}")
