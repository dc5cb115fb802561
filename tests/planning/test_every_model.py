"""Without a key, whatever model of the catalogue is asked for finds a machine among the reference figures."""

from datetime import UTC, datetime

import pytest

from cloudgpu.planning.market import reference_market
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import make_plan
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.options import ServingOptions

TOO_LARGE_FOR_ONE_HOST: frozenset[str] = frozenset()
"""Models that no single machine on the market holds; none of the catalogue's is today."""


@pytest.mark.slow
def test_every_model_of_the_catalogue_fits_somewhere_among_the_reference_figures():
    market, models = reference_market(), all_models()
    plans = {model.model_id: make_plan(Needs(model=model, options=ServingOptions()), market, datetime.now(UTC))
             for model in models}  # fmt: skip
    assert len(plans) >= 156
    assert {name for name, plan in plans.items() if not plan.candidates} == TOO_LARGE_FOR_ONE_HOST
    for plan in plans.values():
        assert plan.candidates[0].memory.holds(1)
        assert plan.candidates[0].memory.used_gib <= plan.candidates[0].memory.total_gib
