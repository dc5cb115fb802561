"""Bootstrap intervals: seeded, around their value, and as wide as resampling by hand makes them."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.moving.bench.contrast import Contrast, contrasts
from cloudgpu.moving.bench.interval import Interval, difference_of_means, ratio_of_quantiles, ratio_over_turns
from cloudgpu.moving.bench.run import Run, Stage
from cloudgpu.moving.bench.sample import Sample

TIMES = st.lists(st.floats(min_value=1e-3, max_value=1e2), min_size=2, max_size=40)


def noisy(seed: int, mean: float, count: int = 200) -> list[float]:
    draw = random.Random(seed)
    return [mean * 2.718281828 ** draw.gauss(0, 0.3) for _ in range(count)]


@settings(max_examples=25)
@given(TIMES, st.integers(min_value=0, max_value=5))
def test_turns_that_agree_leave_no_doubt(weights, seed):
    found = ratio_over_turns([1.5] * len(weights), weights, confidence=0.98, seed=seed)
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))


@settings(max_examples=25)
@given(TIMES, TIMES, st.integers(min_value=0, max_value=5))
def test_an_interval_holds_its_order_and_the_same_seed_gives_the_same(one, other, seed):
    found = ratio_of_quantiles(one, other, 0.95, confidence=0.9, seed=seed)
    assert found.low <= found.high
    assert found == ratio_of_quantiles(one, other, 0.95, confidence=0.9, seed=seed)


def test_the_interval_of_a_quantile_is_what_resampling_by_hand_finds():
    old, new = noisy(1, 1.0), noisy(2, 1.3)
    found = ratio_of_quantiles(old, new, 0.5, confidence=0.9, seed=3)
    draw = random.Random(4)
    by_hand = sorted(median(draw.choices(new, k=200)) / median(draw.choices(old, k=200)) for _ in range(4000))
    assert found.low == pytest.approx(by_hand[200], rel=0.03)
    assert found.high == pytest.approx(by_hand[3800], rel=0.03)


def test_a_truth_lies_in_nine_of_ten_intervals_of_ninety_percent():
    inside = 0
    for seed in range(200):
        found = ratio_over_turns(noisy(seed, 1.25, 30), [1.0] * 30, confidence=0.9, seed=seed)
        inside += found.low <= 1.25 <= found.high
    assert 0.84 * 200 <= inside <= 0.96 * 200


def test_one_slow_minute_widens_the_interval_instead_of_moving_the_verdict():
    calm = ratio_over_turns([1.0, 1.02, 0.98, 1.01], [1.0] * 4, confidence=0.98, seed=1)
    stormy = ratio_over_turns([1.0, 1.02, 0.98, 2.5], [1.0] * 4, confidence=0.98, seed=1)
    assert calm.high < 1.05
    assert stormy.low < 1.2 < stormy.high


def test_differences_are_resampled_as_pairs():
    apart = difference_of_means([(0.5, 0.75)] * 10, confidence=0.98, seed=1)
    assert (apart.value, apart.low, apart.high, apart.count) == (0.25, 0.25, 0.25, 10)


def run_of(mean: float, count: int) -> Run:
    samples = tuple(
        Sample(kind="fact", users=4, turn=0, slot=slot, began_s=0.0, e2el_s=value, ttft_s=value / 4, output_tokens=20)
        for slot, value in enumerate(noisy(int(mean * 100), mean, count))
    )
    stage = Stage(users=4, turn=0, duration_s=9.0, samples=samples)
    return Run(name="r", url="u", model="m", form="chat", began_at=datetime(2026, 1, 1, tzinfo=UTC), stages=(stage,))


def test_two_saved_runs_differ_only_where_the_samples_can_tell():
    meaning = {each.name: each.words for each in contrasts(run_of(1.0, 100), run_of(2.0, 100))}
    assert meaning["E2EL median"].endswith("slower")
    same = {each.name: each.words for each in contrasts(run_of(1.0, 100), run_of(1.01, 100))}
    assert same["E2EL median"] == "no difference seen"
    few = {each.words for each in contrasts(run_of(1.0, 11), run_of(2.0, 100))}
    assert few == {"too few samples"}


def test_the_words_of_a_difference_are_those_of_the_ratio_that_is_shown():
    surely = Interval(value=1.38, low=1.2, high=1.5, count=50)
    found = Contrast(users=1, name="TPOT median", one_s=1.0, other_s=1.3749, interval=surely)
    assert (f"{found.ratio:.2f}", found.words) == ("1.37", "37% slower")
    assert replace(found, other_s=1.004).words == "less than 1% slower"
    assert replace(found, other_s=0.9).words == "no difference seen"
