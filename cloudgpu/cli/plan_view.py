"""A plan for people: the pick first, how full its card is, the ranking, the refusals, and where prices are from."""

from decimal import Decimal

from cloudgpu.base.money import exact_text
from cloudgpu.cli import render
from cloudgpu.cli.render import Column, duration, gib, money
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers import Offer, OfferSource, cards
from cloudgpu.planning.plan import OffersInfo, Plan
from cloudgpu.planning.reason import LABELS
from cloudgpu.planning.reference_offers import is_reference
from cloudgpu.planning.requirements import requirements_of
from cloudgpu.planning.savings import Saving

HOURS_PER_DAY = 24
HOURS_PER_MONTH = 720

_PICKED = {Objective.PRICE: "Cheapest fit", Objective.COST_PER_TOKEN: "Cheapest token",
           Objective.TIME_TO_READY: "Soonest", Objective.RELIABILITY: "Most reliable"}  # fmt: skip
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


def render_plan(plan: Plan, limit: int) -> None:
    """Print the plan. Without candidates: what would fit quantised, the refusals and the sources."""
    _head(plan)
    if plan.candidates:
        _pick(plan, plan.candidates[0])
        _budget(plan.needs, plan.candidates[0])
        _ranking(plan, limit)
        _alternatives(plan)
    _worth(plan)
    _savings(plan)
    _refusals(plan)
    _sources(plan.offers)
    if plan.candidates:
        _next(plan)


def _head(plan: Plan) -> None:
    options = plan.needs.options
    context = options.context_for(plan.needs.model.max_context)
    what = f"{options.engine} {options.engine_version}, {context} tokens of context, {options.concurrency} at a time"
    render.heading(plan.needs.model.model_id)
    extras = [f"as {plan.checkpoint}"] if plan.checkpoint != plan.needs.model.model_id else []
    extras += [f"quantised: {options.quantization}"] if options.quantization else []
    extras += [f"with adapter {plan.needs.adapter}"] if plan.needs.adapter else []
    render.note(", ".join([what, *extras]))
    render.text()


def _pick(plan: Plan, best: Candidate) -> None:
    split = f", split over {best.tensor_parallel}" if best.tensor_parallel > 1 else ""
    render.pairs(
        [
            (_PICKED[plan.needs.objective], f"{best.offer.cards} at {best.offer.provider}{split}"),
            *price_lines(plan.needs, best),
            *_speed(best),
            ("Where", place(best.offer) + (", no machine yet" if is_reference(best.offer) else "")),
        ]
    )
    if best.spare_gib < best.memory.error_band_gib:
        render.warning(
            f"Tight: {gib(best.spare_gib)} to spare, the estimate may be off by {gib(best.memory.error_band_gib)}."
        )
    elif best.is_tight:
        render.warning("Tight: CUDA graphs have hardly any room beside the engine's share.")
    render.text()


def _speed(best: Candidate) -> list[tuple[str, str]]:
    speed, cost = best.speed, best.usd_per_million_output_tokens
    if speed is None or cost is None:
        return []
    what = f"{speed.output_tokens_per_s:,.0f} tokens/s ±{speed.error_band_percent} % at {speed.concurrency} at a time"
    lengths = f"{speed.prompt_tokens} in, {speed.output_tokens} out"
    return [("Speed", what), ("", f"{money(cost)} a million output tokens if always busy; {lengths}")]


def _running_price(hourly: Decimal) -> str:
    day, month = money(hourly * HOURS_PER_DAY), money(hourly * HOURS_PER_MONTH, 0)
    return f"{money(hourly, 3)}/h = {day} a day = {month} a month"


def price_lines(needs: Needs, best: Candidate) -> list[tuple[str, str]]:
    """What it costs by the hour, day and month, of what that is made, and everything over the hours."""
    gpu, disk = money(best.gpu_usd_per_hour, 3), money(best.disk_usd_per_hour, 3)
    checkpoint = needs.model.checkpoint(needs.options.quantization)
    required = requirements_of(needs, checkpoint)
    download = f"{money(best.download_usd)} once" if best.download_usd else "free"
    size, ready, hours = required.download_gb, best.readiness, exact_text(needs.hours)
    return [
        ("Price", _running_price(best.total_usd_per_hour)),
        ("", f"GPU {gpu}/h, {required.disk_gb} GB of disk {disk}/h, {size:.0f} GB to download {download}"),
        ("Ready in", f"{duration(ready.total_s)}, which bills {money(best.ready_usd)} before the first answer"),
        *_overlap(needs, best),
        (f"Over {hours} h", f"{money(best.usd_total)} all in"),
    ]  # fmt: skip


def _overlap(needs: Needs, best: Candidate) -> list[tuple[str, str]]:
    if needs.old_usd_per_hour is None:
        return []
    both = duration(best.readiness.total_s + needs.rollback_window_s)
    return [("Old side", f"runs on for {both} at {money(needs.old_usd_per_hour, 3)}/h: {money(best.overlap_usd)}")]


def _budget(needs: Needs, best: Candidate) -> None:
    """The memory of one card, by what takes it; the parts add up to its total."""
    memory = best.memory
    outside = memory.total_gib - memory.requested_gib - memory.cuda_context_gib
    free = outside if memory.cuda_graph_inside_budget else outside - memory.cuda_graph_gib
    parts = [
        ("weights", memory.weights_gib),
        ("activations, at the peak", memory.activation_peak_gib),
        ("CUDA graphs", memory.cuda_graph_gib),
        ("CUDA, NCCL and other", memory.non_torch_gib + memory.cuda_context_gib),
        ("KV cache asked for", memory.kv_cache_gib - best.spare_gib),
        ("more KV cache", best.spare_gib),
        ("left alone by the engine", free),
        ("total", memory.total_gib),
    ]
    render.table(
        [Column("part"), Column("GiB", right=True), Column("share", right=True), Column("", drop=1)],
        [
            [name, f"{size:.2f}", f"{size / memory.total_gib:.0%}", _bar(size / memory.total_gib)]
            for name, size in parts
        ],
        title=f"Memory of each card: {gib(memory.total_gib)}",
    )
    sequences = memory.sequences_at_context
    held = f"{sequences:.1f}" if sequences < 10 else f"{sequences:.0f}"
    render.note(
        f"Holds {held} requests of {memory.context_tokens} tokens at once; longest one {memory.longest_context}."
    )
    render.note(f"The estimate may be off by {gib(memory.error_band_gib)}.")
    default = needs.options.gpu_memory_utilization or needs.options.profile().gpu_memory_utilization
    if best.gpu_memory_utilization < default:
        render.note(
            f"The engine is given {best.gpu_memory_utilization:.0%} of the card, not its default of {default:.0%}:"
            " CUDA graphs need the room."
        )
    for note in memory.capability_notes:
        render.note(f"Note: {note}.")
    render.text()


def _ranking(plan: Plan, limit: int) -> None:
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


def _alternatives(plan: Plan) -> None:
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


def _worth(plan: Plan) -> None:
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


def _savings(plan: Plan) -> None:
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


def _refusals(plan: Plan) -> None:
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


def _sources(offers: OffersInfo) -> None:
    for line in offers.notes:
        render.warning(line)
    if not offers.complete and offers.source is OfferSource.LIVE:
        render.warning("The source may know more offers than it told; --gpu asks for fewer and so for all of them.")
    render.note(age_line(offers.source, offers.origin, offers.age_s))
    if offers.unreadable:
        counted = ", ".join(f"{count} {reason}" for reason, count in sorted(offers.unreadable.items()))
        render.note(f"Rows skipped: {counted}.")
    render.text()


def _next(plan: Plan) -> None:
    best = plan.candidates[0].offer
    if plan.offers.source is OfferSource.LIVE and not is_reference(best):
        render.pairs([("Rent it", f"cloudgpu up   (the cheapest of this plan, {plan.plan_id})")])
        return
    rentable = best.provider if best.provider in ("vast", "runpod") else "vast"
    render.pairs(
        [
            ("Rehearse, free", f"cloudgpu up --provider {'emulator-runpod' if rentable == 'runpod' else 'emulator'}"),
            ("Rent, with a key", f"cloudgpu up --provider {rentable}   (at today's price)"),
        ]
    )


def place(offer: Offer) -> str:
    """Where it stands; for a reference figure, that it stands nowhere."""
    if is_reference(offer):
        return f"{offer.location}, list price" if offer.location else "typical price"
    return offer.location or "not said"


def age_line(source: OfferSource, origin: str, age_s: float) -> str:
    """Where offers come from and how old they are."""
    kind = {
        OfferSource.LIVE: "Live offers",
        OfferSource.CACHED: "Offers of an earlier search, not to be rented on",
        OfferSource.FILE: "Offers of a file",
        OfferSource.REFERENCE: "Reference prices",
    }[source]
    return f"{kind}, {duration(max(0.0, age_s))} old: {origin}"


def _bar(share: float) -> str:
    return "█" * round(max(0.0, share) * 24)
