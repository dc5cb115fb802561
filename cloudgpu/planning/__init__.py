"""From what is needed and what is on offer to a ranked plan. The names below are the wing's door."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudgpu.planning.market import merge, read_offers_file, reference_market
    from cloudgpu.planning.needs import Needs
    from cloudgpu.planning.objective import Objective
    from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
    from cloudgpu.planning.plan import Plan, make_plan
    from cloudgpu.planning.plan_file import load_plan, save_plan

_HOMES = {
    "Market": "offers.offer",
    "Needs": "needs",
    "Offer": "offers.offer",
    "Objective": "objective",
    "OfferSource": "offers.offer",
    "Plan": "plan",
    "load_plan": "plan_file",
    "make_plan": "plan",
    "merge": "market",
    "read_offers_file": "market",
    "reference_market": "market",
    "save_plan": "plan_file",
}

__all__ = [
    "Market",
    "Needs",
    "Objective",
    "Offer",
    "OfferSource",
    "Plan",
    "load_plan",
    "make_plan",
    "merge",
    "read_offers_file",
    "reference_market",
    "save_plan",
]


def __getattr__(name: str) -> object:
    """Loads a public name on first use, so that starting the program loads none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
