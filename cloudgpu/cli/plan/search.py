"""The market that a plan is made on: what providers are asked for these needs."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cloudgpu.cli.markets import Reach, gather, market_time
from cloudgpu.cli.session import open_session
from cloudgpu.planning.fitting.requirements import requirements_of
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market
from cloudgpu.planning.savings import lighter_forms

if TYPE_CHECKING:
    from cloudgpu.running.providers.base import OfferQuery


def market_for(needs: Needs, offers_file: Path | None = None, reach: Reach = Reach.KEYED) -> tuple[Market, datetime]:
    """A file's offers, live ones, or the reference figures, and the time by which they are dated."""
    session = open_session()
    now = market_time(session, needs.providers)
    market = gather(session, needs.providers, offers_file, lambda: queries_for(needs), reach)
    return market, max(now, market.fetched_at)


def queries_for(needs: Needs) -> "list[OfferQuery]":
    """The search for these needs, and one for the lightest quantised form, which smaller cards hold: what it saves."""
    lightest = [query_for(lighter) for lighter in lighter_forms(needs)]
    return [query_for(needs), *sorted(lightest, key=lambda query: query.min_total_memory_mib or 0)[:1]]


def query_for(needs: Needs) -> "OfferQuery":
    """What a live provider is asked to leave out; the planner checks every offer again.

    The price cap is not among it: answers come cheapest first, and what is too dear is to be counted and named.
    """
    from cloudgpu.running.providers.base import OfferQuery  # only live markets take a query

    checkpoint = needs.checkpoint()
    required = requirements_of(needs, checkpoint)
    return OfferQuery(
        disk_gb=required.disk_gb,
        min_total_memory_mib=required.least_memory_mib,
        gpu_names=(needs.gpu,) if needs.gpu else None,
        gpu_counts=(needs.gpu_count,) if needs.gpu_count else None,
        min_reliability=needs.min_reliability or None,
        verified_only=needs.verified_only,
        regions=needs.regions,
    )
