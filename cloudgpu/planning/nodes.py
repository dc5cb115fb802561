"""Several like machines for a model that no one machine holds: layers split within each, groups of layers across them.

Vast.ai and RunPod rent single machines whose network is not theirs alone, so such a plan is rendered for tools that
rent fleets, never started here.
"""

from dataclasses import replace
from datetime import datetime

from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market
from cloudgpu.planning.plan import Plan, make_plan
from cloudgpu.sizing.engines import canonical_engine

MOST_NODES = 8
_ACROSS_MACHINES = ("vllm",)
"""Engines whose splits across machines are documented and sized."""


def plan_on_nodes(needs: Needs, market: Market, now: datetime, nodes: int) -> Plan:
    """The plan for `nodes` like machines together. Its candidates, prices and disks are of one of them.

    The split is vLLM's documented one: tensor parallel over the GPUs of a machine, pipeline parallel over machines.
    """
    options = replace(needs.options, pipeline_parallel=nodes)
    return make_plan(replace(needs, options=options), market, now)


def fewest_nodes(needs: Needs, market: Market, now: datetime) -> Plan | None:
    """The plan for the smallest number of machines, from two on, that hold the model together.

    None when MOST_NODES do not, and for engines that are not split across machines.
    """
    if canonical_engine(needs.options.engine) not in _ACROSS_MACHINES:
        return None
    plans = (plan_on_nodes(needs, market, now, nodes) for nodes in range(2, MOST_NODES + 1))
    return next((plan for plan in plans if plan.candidates), None)


def nodes_of(plan: Plan) -> int:
    """How many machines serve together."""
    return plan.needs.options.pipeline_parallel
