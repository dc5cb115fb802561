"""The run of `cloudgpu advise`: one look, one judgement of each deployment, and what remained unknown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.served import EngineLog
from cloudgpu.cli import render
from cloudgpu.cli.advise.cache_use import CacheUse, cache_use
from cloudgpu.cli.advise.counsel import Advice, Counsel
from cloudgpu.cli.advise.idleness import idle
from cloudgpu.cli.advise.offers import Question, cheaper, smaller_card
from cloudgpu.cli.session import Session
from cloudgpu.cli.sweeping import look_everywhere
from cloudgpu.running.deployment import Deployment, DeploymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Without work for `idle_s` counts as idle; a cache must have been seen for `seen_s` to count as too large."""

    idle_s: float
    seen_s: float


def run(session: Session, limits: Limits, question: Question, *, as_json: bool) -> None:
    """Look, judge and tell."""
    counsel = counsel_of(session, limits, question)
    if as_json:
        return render.out_json({"hours": question.hours, "advice": counsel.advice, "unknown": counsel.unknown})
    return _show(counsel, question.hours)


def counsel_of(session: Session, limits: Limits, question: Question) -> Counsel:
    """What could be saved over so many hours, the most first. Calls the network unless offline; changes nothing.

    A look asks each engine for one token where its counters stand still.
    """
    counsel = Counsel()
    deployments = _standing(session, counsel, offline=question.offline)
    engines = read_history(session.events()).engines if deployments else {}
    for each in deployments:
        found = [*_stopped(each, question.hours), *idle(session, each, limits.idle_s, question.hours, counsel)]
        if not found and each.state is DeploymentState.READY:
            use = _use(session, each, engines, limits.seen_s, counsel)
            found = [*smaller_card(session, each, use, question, counsel)]
            found = found or [*cheaper(session, each, question, counsel)]
        counsel.advice += found
    counsel.advice.sort(key=lambda each: -each.saving_usd)
    return counsel


def _standing(session: Session, counsel: Counsel, *, offline: bool) -> list[Deployment]:
    if offline:
        counsel.say("What happened since the last look: nobody was asked (--offline).")
        return list(session.store.deployments())
    found = look_everywhere(session, (), vitals=True)
    for error in found.failures:
        counsel.say(f"How things are now: {error.message}.")
    return [each for each in found.deployments if not each.state.is_final]


def _use(
    session: Session, each: Deployment, engines: Mapping[str, EngineLog], seen_s: float, counsel: Counsel
) -> CacheUse | None:
    log = engines.get(each.token)
    use = cache_use(log.fills if log else (), session.clock(each.provider).now(), seen_s)
    if use is None:
        counsel.say(
            f"How full the KV cache of {each.name} gets: it was not watched for {render.duration(seen_s)} yet, or its "
            "engine does not say."
        )
    return use


def _stopped(each: Deployment, hours: Decimal) -> Iterator[Advice]:
    if each.state.is_unwell and each.usd_per_hour_now:
        yield Advice(
            kind="stopped_disk", deployment=each.name, saving_usd=each.usd_per_hour_now * hours,
            text=f"it is {each.state.value} and serves nothing, and its disk bills on at "
            f"{render.money(each.usd_per_hour_now, 4)}/h",
            command=f"cloudgpu down {each.name}",
        )  # fmt: skip


def _show(counsel: Counsel, hours: Decimal) -> None:
    for each in counsel.advice:
        saved = f"saves {render.money(each.saving_usd)} in {hours.normalize():f} h"
        render.text(f"{each.deployment}: {each.text}; {saved}: {each.command}")
    if not counsel.advice:
        render.text("Nothing was found that could cost less.")
    for line in counsel.unknown:
        render.note(f"Not known: {line[0].lower()}{line[1:]}")
