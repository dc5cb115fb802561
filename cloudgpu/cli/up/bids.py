"""What `cloudgpu up --spot` bids: the least that wins on each machine, or what it was told."""

import dataclasses
from datetime import datetime
from decimal import Decimal

from cloudgpu.base.errors import NothingFitsError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.plan.refusal import nothing_fits
from cloudgpu.cli.plan.search import query_for
from cloudgpu.cli.session import EMULATED, Session
from cloudgpu.planning.blocklist import without_blocked
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market
from cloudgpu.planning.plan import Plan, make_plan
from cloudgpu.planning.spot import bids_of


def spot_plan(session: Session, provider: str, needs: Needs, bid: Decimal | None) -> Plan:
    """A plan on bids for interruptible machines: the least that wins on each, or `bid` dollars per hour for its GPUs.

    Raises UsageError where nobody takes bids, NothingFitsError, and whatever the provider raises.
    """
    if provider in EMULATED:
        session.ensure_emulator()
    opened, now = session.provider(provider), session.clock(provider).now()
    if not opened.capabilities.interruptible:
        raise UsageError(f"{provider} takes no bids", hint="leave --spot out, or: --provider vast")
    needs = dataclasses.replace(needs, providers=(provider,), interruptible=True)
    market = without_blocked(opened.search(query_for(needs)), session.settings.state_dir, now)
    least = make_plan(needs, dataclasses.replace(market, offers=tuple(bids_of(market.offers))), now)
    if not least.candidates:
        raise nothing_fits(least)
    return least if bid is None else _plan_at(bid, least.candidates[0], needs, market, now)


def _plan_at(bid: Decimal, least: Candidate, needs: Needs, market: Market, now: datetime) -> Plan:
    """The plan at this bid; the cheapest of the least bids is told beside it."""
    asked, wins = f"{render.money(bid, 4)}/h", f"{render.money(least.gpu_usd_per_hour, 4)}/h wins {least.offer.cards}"
    takes = (each for each in bids_of(market.offers) if each.gpu_usd_per_hour <= bid)
    offers = tuple(dataclasses.replace(each, gpu_usd_per_hour=bid) for each in takes)
    made = make_plan(needs, dataclasses.replace(market, offers=offers), now)
    if made.candidates:
        if bid > least.gpu_usd_per_hour:
            render.progress(f"You bid {asked} for the GPUs. {wins}, which fits too: without --bid that is bid.")
        return made
    if bid > least.gpu_usd_per_hour:
        raise nothing_fits(made)
    raise NothingFitsError(
        f"no machine that fits takes a bid of {asked} for its GPUs: {wins}",
        hint="bid more, or leave --bid out: the least that wins is bid",
    )
