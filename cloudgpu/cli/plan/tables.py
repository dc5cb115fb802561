"""The tables of a plan: the ranking, what to fall back on, what more money buys, quantised forms, the refusals."""

from cloudgpu.base.money import exact_text
from cloudgpu.cli import render
from cloudgpu.cli.plan.origin import place
from cloudgpu.cli.render import Column, gib, money
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.reason import LABELS
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers.offer import cards
from cloudgpu.planning.plan import Plan
from cloudgpu.planning.savings import Saving

_RANKED_BY = {Objective.PRICE: "price over {hours} h", Objective.COST_PER_TOKEN: "cost of a token",
              Objective.TIME_TO_READY: "time until ready", Objective.RELIABILITY: "reliability"}  # fmt: skip

_COLUMNS = (
    Column("#", right=True),
    Column("GPU"),
    Column("from"),
    Column("$/hour", right=True),
    Column("all in", right=True),
    Column("tok/s", right=True, drop=6),
    Column("$/M out", right=True, drop=7),
    Column("context", right=True, drop=2),
    Column("spare", right=True, drop=1),
    Column("host", right=True, drop=3),
    Column("downloads", right=True, drop=5),
    Column("place", drop=4),
)


def show_ranking(plan: Plan, limit: int) -> None:
    """Print the best machines in the order of the plan."""
    shown = plan.candidates[:limit]
    rows = [
        [
            str(candidate.rank),
            candidate.offer.cards + (" !" if candidate.is_tight else ""),
            candidate.offer.provider,
            f"{candidate.total_usd_per_hour:.3f}",
            money(candidate.usd_total),
            "-" if candidate.speed is None else f"{candidate.speed.output_tokens_per_s:,.0f}",
            _plain_cost(candidate),
            str(candidate.memory.longest_context),
            gib(candidate.spare_gib),
            "-" if candidate.offer.reliability is None else f"{candidate.offer.reliability:.1%}",
            "-" if candidate.offer.download_mbps is None else f"{candidate.offer.download_mbps:.0f} Mbit/s",
            place(candidate.offer),
        ]
        for candidate in shown
    ]
    hours = exact_text(plan.needs.hours)
    by = _RANKED_BY[plan.needs.objective].format(hours=hours)
    what = "1 offer fits" if plan.machines == 1 else f"{plan.machines} offers fit"
    title = f"{what}; the best {len(shown)} by {by}" if len(shown) > 1 else f"{what}; the best by {by}"
    render.table(_COLUMNS, rows, title=title)
    if any(candidate.is_tight for candidate in shown):
        render.note("! less to spare than the estimate's error: it may not start.")
    slices = sum(len(candidate.other_slices) for candidate in plan.candidates)
    if slices:
        render.note(f"{slices} more are other slices of these machines.")
    render.text()


def _plain_cost(candidate: Candidate) -> str:
    cost = candidate.usd_per_million_output_tokens
    return "-" if cost is None else f"{cost:.2f}"


def show_alternatives(plan: Plan) -> None:
    """What to fall back on when the first one is gone or fails: the best of another kind."""
    if not plan.alternatives:
        return
    best = plan.candidates[0]
    rows = [
        [
            "another " + ", ".join(_KIND_WORDS[kind] for kind in each.differs_in),
            each.candidate.offer.cards,
            each.candidate.offer.provider,
            f"{each.candidate.total_usd_per_hour:.3f}",
            money(each.candidate.usd_total),
            f"{(each.candidate.usd_total / best.usd_total - 1) * 100:+.0f} %",
            place(each.candidate.offer),
        ]
        for each in plan.alternatives
    ]
    columns = [Column("differs in"), Column("GPU"), Column("from"), Column("$/hour", right=True, drop=2)]
    columns += [Column("all in", right=True), Column("against #1", right=True), Column("place", drop=1)]
    render.table(columns, rows, title="Best of another kind, should the first be gone")
    render.text()


_KIND_WORDS = {"machine": "machine", "gpu": "card", "provider": "provider"}


def show_worth(plan: Plan) -> None:
    """What more money buys: nothing in this table is beaten by a cheaper line in all respects."""
    if len(plan.worth) < 2:
        return
    rows = [
        [
            each.offer.cards,
            each.offer.provider,
            money(each.usd_total),
            f"{each.readiness.total_s / 60:.0f} min",
            "-" if each.offer.reliability is None else f"{each.offer.reliability:.1%}",
            "-" if each.speed is None else f"{each.speed.output_tokens_per_s:,.0f}",
        ]
        for each in plan.worth[:_MOST_WORTH]
    ]
    columns = [Column("GPU"), Column("from", drop=1), Column("all in", right=True), Column("ready", right=True)]
    columns += [Column("host", right=True), Column("tokens/s", right=True)]
    render.table(columns, rows, title="What more money buys: soon, steady, fast")
    render.text()


_MOST_WORTH = 8


def show_savings(plan: Plan) -> None:
    """Print what quantised forms would cost; nothing when none saves anything."""
    if not plan.savings:
        return
    rows = [
        [
            saving.quantization,
            cards(saving.gpu, saving.gpu_memory_mib, saving.gpu_count),
            saving.provider,
            f"{saving.usd_per_hour:.3f}",
            _saved(saving),
            saving.checkpoint,
        ]
        for saving in plan.savings
    ]
    columns = [Column("--quantization"), Column("GPU"), Column("from"), Column("$/hour", right=True)]
    columns += [Column("saves", right=True), Column("checkpoint", drop=1)]
    title = "Quantised, at some loss of quality" if plan.candidates else "It fits quantised, at some loss of quality"
    render.table(columns, rows, title=title)
    render.text()


def _saved(saving: Saving) -> str:
    saves = saving.saves_usd_per_hour
    return "-" if saves is None else f"{saves / (saves + saving.usd_per_hour):.0%}"


def show_refusals(plan: Plan) -> None:
    """Print how many offers were refused for what."""
    if not plan.rejected:
        return
    render.heading(f"{plan.rejected} of {plan.offers.count} offer{'s' * (plan.offers.count != 1)} refused")
    reasons = plan.rejected_by_reason
    width = len(str(max(reasons.values())))
    for code, count in reasons.items():
        render.text(f"  {count:>{width}}  {LABELS.get(code, code)}")
    if sum(reasons.values()) > plan.rejected:
        render.note("  (an offer with two reasons counts under both)")
    render.text()
