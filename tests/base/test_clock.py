"""Time is a value: it can be scaled, stopped and moved by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.clock import ManualClock, ScaledClock, SystemClock, parse_utc, utc_text


def test_a_manual_clock_moves_only_when_somebody_sleeps():
    clock = ManualClock()
    before = clock.now()
    assert clock.now() == before
    clock.sleep(90)
    assert clock.now() - before == timedelta(seconds=90)


def test_two_scaled_clocks_with_the_same_values_agree():
    origin, real_origin = datetime(2026, 3, 1, tzinfo=UTC), datetime.now(UTC)
    one, other = ScaledClock(origin, real_origin, 3600), ScaledClock(origin, real_origin, 3600)
    first, second, third = one.now(), other.now(), one.now()
    assert first <= second <= third


def test_a_scaled_clock_runs_faster_than_the_machine():
    real_origin = datetime.now(UTC) - timedelta(seconds=10)
    clock = ScaledClock(datetime(2026, 3, 1, tzinfo=UTC), real_origin, 60)
    assert clock.now() - clock.origin >= timedelta(minutes=10)


def test_the_system_clock_is_utc():
    assert SystemClock().now().tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_survives_the_round_trip_through_text(moment):
    assert parse_utc(utc_text(moment)) == moment


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        parse_utc("2026-01-01T00:00:00")
