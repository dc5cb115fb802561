"""A plan for people: the pick first, how full its card is, the ranking, the refusals, and where prices are from."""

from collections.abc import Sequence
from decimal import Decimal

from cloudgpu.base.money import exact_text
from cloudgpu.base.units import HOURS_PER_DAY, HOURS_PER_MONTH
from cloudgpu.cli import render
from cloudgpu.cli.markets import has_key
from cloudgpu.cli.plan.origin import place, show_sources
from cloudgpu.cli.plan.tables import show_alternatives, show_ranking, show_refusals, show_savings, show_worth
from cloudgpu.cli.render import Column, duration, gib, money
from cloudgpu.cli.session import KEYLESS, OWN, open_session
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.requirements import requirements_of
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.planning.offers.reference import is_reference
from cloudgpu.planning.plan import Plan
from cloudgpu.sizing.gpus import match_gpu
from cloudgpu.sizing.speed.card import card_speed

_PICKED = {Objective.PRICE: "Cheapest fit", Objective.COST_PER_TOKEN: "Cheapest token",
           Objective.TIME_TO_READY: "Soonest", Objective.RELIABILITY: "Most reliable"}  # fmt: skip


def render_plan(plan: Plan, limit: int) -> None:
    """Print the plan. Without candidates: what would fit quantised, the refusals and the sources."""
    _head(plan)
    if plan.candidates:
        _pick(plan, plan.candidates[0])
        _budget(plan.needs, plan.candidates[0])
        show_ranking(plan, limit)
        show_alternatives(plan)
    show_worth(plan)
    show_savings(plan)
    show_refusals(plan)
    show_sources(plan.offers)
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
    if _is_split_over_pcie(best):
        render.note(_split_note(plan.candidates))
    render.text()


def _is_split_over_pcie(candidate: Candidate) -> bool:
    card = match_gpu(candidate.offer.gpu, candidate.offer.gpu_memory_mib)
    speed = card_speed(card) if card else None
    return candidate.tensor_parallel > 1 and (speed is None or not speed.has_switch)


def _split_note(candidates: Sequence[Candidate]) -> str:
    """What a split over cards without NVLink risks, and the first candidate that needs no split."""
    cards = candidates[0].tensor_parallel
    host = candidates[0].offer.host_gb_per_s
    risk = f"The {cards} cards talk over PCIe: " + (
        "the speed is assumed for full slots, narrow ones (risers) are far slower."
        if host is None
        else f"{host:.1f} GB/s were measured from the host to a card, and are counted in the speed."
    )
    whole = next((each for each in candidates if each.tensor_parallel == 1), None)
    if whole is None:
        return risk
    return f"{risk} Unsplit: {whole.offer.cards} at {whole.offer.provider}, {money(whole.usd_total)} (--gpus 1)."


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
    checkpoint = needs.checkpoint()
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


def _next(plan: Plan) -> None:
    best = plan.candidates[0].offer
    if plan.offers.source is OfferSource.LIVE and not is_reference(best) and _can_rent(best.provider):
        doing = "Start it" if best.provider == OWN else "Rent it"
        render.pairs([(doing, f"cloudgpu up   (the cheapest of this plan, {plan.plan_id})")])
        return
    rentable = best.provider if best.provider in ("vast", "runpod") else "vast"
    render.pairs(
        [
            ("Rehearse, free", f"cloudgpu up --provider {'emulator-runpod' if rentable == 'runpod' else 'emulator'}"),
            ("Rent, with a key", f"cloudgpu up --provider {rentable}   (at today's price)"),
        ]
    )


def _can_rent(provider: str) -> bool:
    """Whether there is a key for it; the emulator and Docker need none. Markets can be looked at without one."""
    return provider in KEYLESS or has_key(open_session(), provider)


def _bar(share: float) -> str:
    return "█" * round(max(0.0, share) * 24)
