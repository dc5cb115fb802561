"""Offers that fit now and cost less than what is rented: all in, and for a card that is too large, a smaller one."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.advise.cache_use import CacheUse
from cloudgpu.cli.advise.counsel import Advice, Counsel
from cloudgpu.cli.looking import ASLEEP
from cloudgpu.cli.markets import Reach
from cloudgpu.cli.plan.search import market_for
from cloudgpu.cli.profile.files import launched
from cloudgpu.cli.session import EMULATED, Session
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.planning.plan import make_plan
from cloudgpu.running.deployment import Deployment
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

_TOO_LARGE = Decimal("0.3")
"""A KV cache that is never fuller than this, for as long as was asked about, is on a card that is too large."""

_ROOM = Decimal("1.5")
"""The smaller card's cache must hold half as much again as the fullest moment that was seen."""

_CONTEXT_FLAG = "--max-model-len"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the market for every deployment: over how many hours a move must pay off, and whom to ask."""

    hours: Decimal
    offline: bool


def smaller_card(
    session: Session, each: Deployment, use: CacheUse | None, question: Question, counsel: Counsel
) -> Iterator[Advice]:
    """The cheapest offer with less memory whose cache holds what was seen, where the cache was never a third full."""
    if use is None or use.peak > _TOO_LARGE or each.gpu_memory_mib is None:
        return
    tokens = use.peak_tokens
    if tokens is None:
        counsel.say(f"How many tokens the KV cache of {each.name} holds: its engine does not say.")
        return
    memory_mib = each.gpu_memory_mib * each.gpu_count
    best = _best(session, each, question, counsel, tokens=ceil(tokens * _ROOM), below_mib=memory_mib)
    if best is None:
        return
    yield Advice(
        kind="too_large", deployment=each.name, saving_usd=_saving(each, best, question.hours),
        text=f"its KV cache was at most {use.peak * 100:.0f} % full ({tokens:,} tokens, {use.readings} readings in "
        f"{render.duration(use.seen_s)}); one for {best.memory.kv_cache_tokens:,} tokens: {_words(each, best)}",
        command=f"cloudgpu plan {each.short_name} --migrate-from {each.name}",
    )  # fmt: skip


def cheaper(session: Session, each: Deployment, question: Question, counsel: Counsel) -> Iterator[Advice]:
    """The cheapest offer that fits now, all in: its download, its way to the first answer, and the double run."""
    best = _best(session, each, question, counsel)
    if best is not None:
        yield Advice(
            kind="cheaper", deployment=each.name, saving_usd=_saving(each, best, question.hours),
            text=_words(each, best), command=f"cloudgpu plan {each.short_name} --migrate-from {each.name}",
        )  # fmt: skip


def _best(
    session: Session, each: Deployment, question: Question, counsel: Counsel, *, tokens: int = 0,
    below_mib: int | None = None,
) -> Candidate | None:  # fmt: skip
    """The cheapest candidate with a saving; with less memory than `below_mib` and a cache for so many tokens."""
    if not question.offline and session.is_asleep(each.provider):
        counsel.say(f"Whether something cheaper than {each.name} fits: {ASLEEP}.")
        return None
    try:
        model = resolve_model(each.short_name)
        context = _context(session, each)
        needs = _needs(each, model, context, question, tokens=tokens)
        market, now = market_for(needs, reach=Reach.OFFLINE if question.offline else Reach.KEYED)
        found = make_plan(needs, market, now).candidates
    except CloudgpuError as error:
        counsel.say(f"Whether something cheaper than {each.name} fits: {error.message}.")
        return None
    if market.source is OfferSource.REFERENCE:
        counsel.say(f"What offers in place of {each.name} cost now: they are reference figures, not live.")
    fitting = [one for one in found if below_mib is None or _memory_mib(one) < below_mib]
    best = min(fitting, key=lambda one: one.usd_total, default=None)
    if best is None or _saving(each, best, question.hours) <= 0:
        return None
    if context is None:
        counsel.say(
            f"Which context {each.name} was asked for: offers were compared by the model's default. Plan before you "
            "move."
        )
    return best


def _needs(each: Deployment, model: ModelSpec, context: int | None, question: Question, *, tokens: int) -> Needs:
    where = (each.provider,) if each.provider in EMULATED and not question.offline else ()
    options = ServingOptions(context_tokens=context)
    sequences = max(1, ceil(tokens / options.context_for(model.max_context)))
    return Needs(
        model=model, options=ServingOptions(context_tokens=context, concurrency=sequences), hours=question.hours,
        providers=where, old_usd_per_hour=each.usd_per_hour,
    )  # fmt: skip


def _context(session: Session, each: Deployment) -> int | None:
    """What its engine was started with; None when that was not kept."""
    profile = launched(session.settings.state_dir, each.launch_digest)
    args = profile.args if profile else ()
    words = [args[i + 1] for i, word in enumerate(args[:-1]) if word == _CONTEXT_FLAG]
    return int(words[0]) if words and words[0].isdigit() else None


def _saving(each: Deployment, best: Candidate, hours: Decimal) -> Decimal:
    return each.usd_per_hour * hours - best.usd_total


def _memory_mib(one: Candidate) -> int:
    return (one.offer.gpu_memory_mib or 0) * one.offer.gpu_count


def _words(each: Deployment, best: Candidate) -> str:
    prices = f"{render.money(best.total_usd_per_hour, 4)}/h instead of {render.money(each.usd_per_hour, 4)}/h"
    return f"{best.offer.cards} at {best.offer.provider} fits for {prices}; the move is counted in"
