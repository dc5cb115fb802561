"""The run of `cloudgpu plan`: a plan on today's market, kept and shown; or the story of one offer or card."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloudgpu.cli.markets import Reach
from cloudgpu.cli.plan.refusal import nothing_fits
from cloudgpu.cli.plan.search import market_for
from cloudgpu.cli.session import open_session
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market
from cloudgpu.planning.plan import Plan, make_plan
from cloudgpu.planning.plan_file import latest_plan_path, save_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What of a plan is shown, and how. `explain` (an offer) and `why_not` (a card) ask for a story instead."""

    out: Path | None = None
    limit: int = 10
    as_json: bool = False
    spot: bool = False
    explain: str | None = None
    why_not: str | None = None


def run(needs: Needs, shown: Shown, *, offers: Path | None, reach: Reach) -> None:
    """Do it. Raises NothingFitsError, after the refusals, when the plan has no candidate."""
    market, now = market_for(needs, offers, reach)
    if shown.explain is not None or shown.why_not is not None:
        return _tell(needs, market, shown)
    plan = _plan_on(needs, market, now)
    if shown.out is not None and plan.candidates:
        save_plan(plan, shown.out)
    if not shown.as_json:
        _show(plan, market, shown)
    elif plan.candidates:
        _print_json(plan, market, shown)
    if not plan.candidates:
        raise nothing_fits(plan)
    return None


def _plan_on(needs: Needs, market: Market, now: datetime) -> Plan:
    """The plan for these needs on this market; kept as the latest plan when something fits."""
    made = make_plan(needs, market, now)
    if made.candidates:
        save_plan(made, latest_plan_path(open_session().settings.state_dir))
    return made


def _tell(needs: Needs, market: Market, shown: Shown) -> None:
    """The story of one offer, of one card, or of both."""
    from cloudgpu.cli.plan.story import render_card_story, render_offer_story  # few plans are asked for one
    from cloudgpu.cli.render import out_json
    from cloudgpu.planning.story import story_of_card, story_of_offer

    of_offer = None if shown.explain is None else story_of_offer(needs, market, shown.explain)
    of_card = None if shown.why_not is None else story_of_card(needs, market, shown.why_not)
    if shown.as_json:
        told = {"explain": of_offer and of_offer.as_json(), "why_not": of_card and of_card.as_json()}
        return out_json({name: story for name, story in told.items() if story})
    if of_offer:
        render_offer_story(needs, of_offer)
    if of_card:
        render_card_story(needs, of_card)
    return None


def _show(plan: Plan, market: Market, shown: Shown) -> None:
    from cloudgpu.cli.plan.view import render_plan  # rich is loaded only when something is shown

    render_plan(plan, shown.limit)
    if shown.spot:
        from cloudgpu.cli.plan.story import render_spot
        from cloudgpu.planning.spot import spot_of

        render_spot(plan.needs, spot_of(plan.needs, market, plan.cheapest))


def _print_json(plan: Plan, market: Market, shown: Shown) -> None:
    from cloudgpu.cli.render import out_json

    more: dict[str, object] = {}
    if shown.spot:
        from cloudgpu.planning.spot import spot_of

        found = spot_of(plan.needs, market, plan.cheapest)
        more["spot"] = found.as_json() if found else None
    out_json({**plan.as_json(), **more})
