"""Percentiles, throughput, goodput and dollars: small cases by hand, the rest by what must always hold."""

from dataclasses import replace
from decimal import Decimal
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.moving.bench.figures import Slo, figures_of, percentile, spread
from cloudgpu.moving.bench.run import Stage
from cloudgpu.moving.bench.sample import Sample, Trouble

TIMES = st.floats(min_value=1e-4, max_value=1e3)
ONE = Sample(
    kind="fact", users=2, turn=0, slot=0, began_s=0.0, ttft_s=0.2, e2el_s=1.2, itls_s=(0.1,) * 10, pieces=11,
    prompt_tokens=7, output_tokens=11, finish_reason="stop", text="x",
)  # fmt: skip


def stage(*samples: Sample, duration_s: float = 2.0) -> Stage:
    return Stage(users=2, turn=0, duration_s=duration_s, samples=samples)


def test_tpot_is_the_time_after_the_first_token_by_the_tokens_after_it():
    assert ONE.tpot_s == pytest.approx(0.1)
    assert replace(ONE, output_tokens=1).tpot_s is None
    assert replace(ONE, output_tokens=None).tpot_s is None
    assert replace(ONE, ttft_s=None).tpot_s is None


def test_throughput_and_dollars_count_all_users_of_a_load():
    found = figures_of(stage(ONE, ONE))
    assert found.output_tokens_per_s == pytest.approx(11)
    assert found.usd_per_million(Decimal("0.396")) == pytest.approx(Decimal(10), rel=Decimal("1e-9"))
    assert found.usd_per_million(None) is None


def test_one_uncounted_answer_leaves_the_sum_unknown_rather_than_short():
    assert figures_of(stage(ONE, replace(ONE, output_tokens=None))).output_tokens is None


def test_failures_are_counted_by_class_and_enter_no_time():
    dead = replace(ONE, trouble=Trouble.CUT_OFF, e2el_s=99.0, ttft_s=None)
    found = figures_of(stage(ONE, dead, dead, replace(dead, trouble=Trouble.TIMEOUT)))
    assert (found.requests, found.completed) == (4, 1)
    assert dict(found.troubles) == {"cut_off": 2, "timeout": 1}
    assert found.e2el.percentiles[99] == pytest.approx(1.2)


def test_what_we_stopped_ourselves_counts_for_nothing():
    assert figures_of(stage(ONE, replace(ONE, trouble=Trouble.STOPPED))).requests == 1


def test_goodput_counts_answers_that_keep_every_level():
    slow = replace(ONE, ttft_s=0.9)
    slo = Slo(ttft_s=0.5, e2el_s=2.0)
    assert figures_of(stage(ONE, ONE, slow), slo).goodput == pytest.approx(2 / 2.0)
    assert figures_of(stage(ONE), Slo()).goodput is None
    assert not Slo(tpot_s=1.0).is_met(replace(ONE, output_tokens=None))


@given(st.lists(TIMES, min_size=2, max_size=60), st.integers(min_value=1, max_value=99))
def test_a_percentile_is_that_of_the_inclusive_method(values, p):
    expected = quantiles(values, n=100, method="inclusive")[p - 1]
    assert percentile(sorted(values), p) == pytest.approx(expected)


@given(st.lists(TIMES, min_size=1, max_size=60))
def test_percentiles_rise_and_stay_within_the_values(values):
    found = spread(values)
    shown = [found.percentiles[p] for p in (50, 90, 95, 99)]
    assert shown == sorted(shown)
    assert min(values) <= shown[0]
    assert shown[-1] <= max(values) + 1e-9
