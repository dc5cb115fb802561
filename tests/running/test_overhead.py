"""What a deployment costs beside its machine: calls within the provider's limits, and the time until we know."""

import pytest

from tests.running.api_calls import MODELS, PAGE, measured
from tests.running.emulated import PROVIDERS

POLL_S = 5.0
KNOWS_WITHIN_S = 2.0 + POLL_S
MOST_CALLS_A_MINUTE = 20


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_up_knows_soon_that_its_engine_serves_and_asks_far_less_than_it_may(rig, name, model, seed):
    found = measured(rig, name, model, seed)
    assert 0 <= found.known_after_s <= KNOWS_WITHIN_S
    assert found.up_calls["create"] == 1
    assert sum(found.up_calls.values()) <= MOST_CALLS_A_MINUTE * (found.engine_ready_s + found.known_after_s) / 60
    assert sum(found.down_calls.values()) <= 6


def test_the_figures_in_the_docs_are_of_a_day_and_can_be_measured_again():
    text = PAGE.read_text(encoding="utf-8")
    assert "python -m tests.running.api_calls" in text
    assert "Measured on 20" in text
