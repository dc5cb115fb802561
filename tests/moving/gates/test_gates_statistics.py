"""What the gates promise: equal sides hardly ever fail, and a worse new side hardly ever passes."""

from collections import Counter

import pytest
from made_up_runs import evidence

from cloudgpu.moving.gates.judge import weigh
from cloudgpu.moving.gates.thresholds_file import read_thresholds
from cloudgpu.moving.gates.verdict import Outcome

RUNS = 500


def outcomes(**sides) -> Counter:
    thresholds = read_thresholds()
    return Counter(weigh(evidence(seed, **sides), thresholds, seed=seed).outcome for seed in range(RUNS))


@pytest.mark.slow
def test_equal_sides_fail_in_two_of_a_hundred_runs_at_most_and_mostly_pass():
    found = outcomes()
    assert found[Outcome.FAIL] <= 0.02 * RUNS, found
    assert found[Outcome.PASS] >= 0.75 * RUNS, found


@pytest.mark.slow
def test_equal_sides_hardly_ever_fail_in_stormy_minutes_either():
    found = outcomes(turn_noise=0.25)
    assert found[Outcome.FAIL] <= 0.02 * RUNS, found


@pytest.mark.slow
def test_a_new_side_that_is_30_percent_slower_does_not_pass():
    found = outcomes(slower=1.3)
    assert found[Outcome.PASS] <= 0.05 * RUNS, found


@pytest.mark.slow
def test_a_new_side_that_answers_20_percent_worse_does_not_pass():
    found = outcomes(worse=0.2)
    assert found[Outcome.PASS] <= 0.05 * RUNS, found
