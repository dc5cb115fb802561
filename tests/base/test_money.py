"""Money is exact, and cutting an interval never changes what it costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.money import accrued_usd, exact_text, show_usd, usd, usd_from_float

START = datetime(2026, 1, 1, tzinfo=UTC)

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=12)
rates = st.decimals(min_value=0, max_value=1000, places=9, allow_nan=False, allow_infinity=False)
offsets = st.integers(min_value=0, max_value=90 * 86_400 * 1_000_000)


@given(amounts)
def test_an_amount_survives_the_round_trip_through_text(amount):
    assert usd(exact_text(amount)) == amount


@given(amounts)
def test_exact_text_is_plain_digits(amount):
    text = exact_text(amount)
    assert "E" not in text
    assert not text.startswith("-0") or Decimal(text) != 0


@pytest.mark.parametrize("value", [0.1, 1.0, True, None, b"1"])
def test_a_float_is_no_price(value):
    with pytest.raises(TypeError):
        usd(value)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1,5"])
def test_text_that_is_no_number_is_no_price(text):
    with pytest.raises(ValueError, match="not an amount"):
        usd(text)


def test_a_float_that_a_library_parsed_keeps_the_digits_that_were_sent():
    assert usd_from_float(0.1) == Decimal("0.1")


@given(rates, st.lists(offsets, min_size=2, max_size=12, unique=True))
def test_any_cut_of_an_interval_gives_the_same_total(rate, cuts):
    times = [START + timedelta(microseconds=offset) for offset in sorted(cuts)]
    parts = sum(accrued_usd(rate, START, a, b) for a, b in pairwise(times))
    assert parts == accrued_usd(rate, START, times[0], times[-1])


def test_an_hour_costs_its_rate():
    assert accrued_usd(Decimal("0.3891"), START, START, START + timedelta(hours=1)) == Decimal("0.3891")


def test_nothing_accrues_before_the_rate_begins():
    assert accrued_usd(Decimal(1), START, START - timedelta(hours=5), START) == 0


@pytest.mark.parametrize(
    ("amount", "places", "shown"),
    [("1234.5", 2, "$1,234.50"), ("-0.004", 2, "$0.00"), ("0.4567", 4, "$0.4567"), ("-2", 2, "-$2.00")],
)
def test_what_people_see(amount, places, shown):
    assert show_usd(Decimal(amount), places) == shown
