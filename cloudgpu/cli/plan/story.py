"""`plan --explain`, `plan --why-not` and `plan --spot` for people."""

from cloudgpu.base.money import exact_text
from cloudgpu.cli import render
from cloudgpu.cli.plan.origin import place
from cloudgpu.cli.plan.view import price_lines
from cloudgpu.cli.render import Column, duration, gib, money
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.reason import LABELS, Reason
from cloudgpu.planning.fitting.sized import Sized
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.spot import Spot
from cloudgpu.planning.story import CardStory, OfferStory
from cloudgpu.sizing.memory import MemoryEstimate


def render_offer_story(needs: Needs, story: OfferStory) -> None:
    """Print one offer: where it stands, what is against it, what it costs and how soon it would answer."""
    offer = story.offer
    render.heading(f"Offer {offer.offer_id}: {offer.cards} at {offer.provider}, {place(offer)}")
    if story.reasons:
        render.text(f"It does not fit {needs.model.model_id}:")
        _reasons(story.reasons)
    else:
        render.text(f"It fits {needs.model.model_id}, number {story.place} of {story.fitting} by price.")
    render.note("Passed: " + ", ".join(code.replace("_", " ") for code in story.passed))
    render.text()
    if story.candidate is not None:
        render.pairs(price_lines(needs, story.candidate))
        render.pairs([*_memory(story.candidate), *ready_lines(story.candidate)])


def render_card_story(needs: Needs, story: CardStory) -> None:
    """Print one card: its offers, what refuses them, and how many of it would hold the model."""
    render.heading(f"{story.gpu} for {needs.model.model_id}")
    if not story.offers:
        render.text("This market has no offer with this card.")
    else:
        render.text(f"{story.fitting} of {story.offers} offers with this card fit.")
    for code, count in story.rejected_by_reason.items():
        render.text(f"  {count:>4}  {LABELS.get(code, code)}")
    if story.nearest is not None:
        nearest = story.nearest
        render.text(
            f"Nearest miss, {nearest.gpu_count}x {nearest.gpu} at {nearest.provider}, offer {nearest.offer_id}:"
        )
        _reasons(nearest.reasons)
    render.text()
    rows = [[f"{count}x", *_size_row(sized)] for count, sized in story.sizes.items()]
    render.table(
        [Column("cards"), Column("spare", right=True), Column("longest context", right=True), Column("")], rows
    )


def render_spot(needs: Needs, spot: Spot | None) -> None:
    """Print what bidding would save and what an interruption costs."""
    if spot is None:
        render.note("No bid fits: no offer states a least bid, or nothing fits on demand to compare it with.")
        return
    best, hours = spot.candidate, exact_text(needs.hours)
    render.heading("Interruptible, for comparison: `cloudgpu up --spot` bids")
    saves = f"{money(spot.saves_usd)} over {hours} h" if spot.saves_usd > 0 else "nothing"
    off = duration(spot.interruption_s)
    limit = f"from {spot.break_even} interruptions in {hours} h on" if spot.saves_usd > 0 else "it saves nothing"
    hourly = money(best.total_usd_per_hour, 3)
    render.pairs(
        [
            ("Lowest bid that fits", f"{best.offer.cards} at {best.offer.provider}, {hourly}/h"),
            ("Saves", f"{saves} while nobody bids more"),
            ("An interruption", f"costs {money(spot.interruption_usd)}, {off} without answers"),
            ("Not worth it", limit),
        ]
    )
    if spot.above_on_demand:
        render.note(f"{spot.above_on_demand} of {spot.bids} bids lie at or above the price on demand: refused.")
    render.text()


def ready_lines(candidate: Candidate) -> list[tuple[str, str]]:
    """How soon it would answer, step by step."""
    ready = candidate.readiness
    steps = (("image", ready.pull_s), ("weights", ready.download_s), ("load", ready.load_s),
             ("compile", ready.compile_s), ("warm-up", ready.warm_up_s))  # fmt: skip
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in steps if seconds)
    return [("Its steps", parts), ("With caution", f"{duration(ready.cautious_s)}: what --max-wait compares with")]


def _reasons(reasons: tuple[Reason, ...]) -> None:
    for reason in reasons:
        render.text(f"  - {LABELS.get(reason.code, reason.code)}: {reason.detail}")


def _memory(candidate: Candidate) -> list[tuple[str, str]]:
    memory = candidate.memory
    spare = f"{gib(candidate.spare_gib)} to spare" if candidate.spare_gib >= 0 else f"{gib(-candidate.spare_gib)} short"
    return [("Memory", f"{gib(memory.requested_gib)} usable a card, {gib(memory.weights_gib)} of weights; {spare}")]


def _size_row(sized: Sized) -> list[str]:
    if sized.memory is None:
        floor = f"the weights alone take {gib(sized.floor_gib)} or more" if sized.floor_gib else ""
        return ["-", "-", sized.layout_error or sized.hardware_error or floor]
    return [gib(sized.spare_gib), str(sized.memory.longest_context or "-"), _verdict(sized, sized.memory)]


def _verdict(sized: Sized, memory: MemoryEstimate) -> str:
    if sized.fits:
        return "fits"
    if sized.is_crowded:
        return LABELS["crowded"]
    return memory.refusal_text or "the cache is too small for the context asked"
