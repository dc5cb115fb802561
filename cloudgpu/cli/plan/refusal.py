"""Why nothing fits, in one sentence, and what would help."""

import re
from dataclasses import replace

from cloudgpu.base.errors import NothingFitsError
from cloudgpu.planning.fitting.reason import LABELS, Rejection
from cloudgpu.planning.needs import DEFAULT_MIN_RELIABILITY, Needs
from cloudgpu.planning.plan import Plan, nearest_miss

_MOST_REASONS = 3
_MEMORY = {"memory", "kv_cache", "crowded"}


def nothing_fits(plan: Plan) -> NothingFitsError:
    """The error for a plan without a candidate: how many were refused, and what came nearest."""
    miss = nearest_miss(plan)
    most = list(plan.rejected_by_reason.items())[:_MOST_REASONS]
    counted = ", ".join(f"{LABELS.get(code, code)} ({count})" for code, count in most)
    of = "the one offer does not fit" if plan.offers.count == 1 else f"none of {plan.offers.count} offers fits"
    message = f"{of} {plan.needs.model.model_id}" + (f": {counted}" if most else "")
    if not plan.offers.count:
        message = f"there is no offer for {plan.needs.model.model_id} on this market"
    if miss is None:
        return NothingFitsError(message, hint=_hint_for_an_empty_market(plan.needs))
    if plan.savings:
        form = plan.savings[0]
        return NothingFitsError(message, hint=f"it fits quantised: add --quantization {form.quantization}")
    if {reason.code for reason in miss.reasons} <= _MEMORY and (together := _together(plan.needs)):
        return NothingFitsError(message, hint=together)
    lacks = "; ".join(_said_of(miss))
    return NothingFitsError(message, hint=f"nearest miss, {miss.gpu_count}x {miss.gpu} at {miss.provider}: {lacks}")


def _said_of(miss: Rejection) -> list[str]:
    """What it lacks. Where one lack has no way out, the way out of another would not pass either, and is left out."""
    ways = [_WAY_OUT.search(reason.detail) for reason in miss.reasons]
    if all(ways) or len(ways) == 1:
        return [reason.detail for reason in miss.reasons]
    return [_WAY_OUT.sub("", reason.detail) for reason in miss.reasons]


_WAY_OUT = re.compile(r"; [^;]+ would (let it )?pass(, one at a time)?$")
"""How a refusal ends that names what would have passed."""


def _together(needs: Needs) -> str | None:
    """How many machines would hold it together, by the reference figures, and who can rent them; None: not even eight.

    No single rented instance has a network to others that is its own.
    """
    from cloudgpu.base.clock import SystemClock  # only where nothing fits
    from cloudgpu.planning.market import reference_market
    from cloudgpu.planning.nodes import fewest_nodes, nodes_of

    plan = fewest_nodes(replace(needs, providers=()), reference_market(), SystemClock().now())
    if plan is None:
        return None
    machines = f"{nodes_of(plan)} machines of {plan.candidates[0].offer.cards}"
    asked = f"cloudgpu render {needs.asked or needs.model.short_name} --as skypilot (or dstack, k8s)"
    return f"{machines} hold it together, for a tool that rents fleets: {asked}, with the same options"


def _hint_for_an_empty_market(needs: Needs) -> str:
    """What was sent to the provider's own search besides what the model needs, so that it may have left nothing."""
    asked = {
        "--gpu": needs.gpu, "--gpus": needs.gpu_count, "--region": needs.regions, "--disk": needs.disk_gb,
        "--min-reliability": needs.min_reliability > DEFAULT_MIN_RELIABILITY,
    }  # fmt: skip
    given = [option for option, value in asked.items() if value]
    if given:
        return f"the market has none of that kind; leave out {' or '.join(given)}"
    return "the market shows nothing large enough today; ask another one with --provider, or give --offers FILE"
