"""Time is a value: it can be scaled, stopped and moved by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.clock import ManualClock, ScaledClock, SystemClock, parse_utc, steady, utc_text


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


def test_what_has_passed_does_not_depend_on_what_the_time_is_set_to():
    clock = ManualClock()
    steadied, before_s = steady(clock), clock.elapsed()
    clock.sleep(5)
    clock.time += timedelta(hours=3)
    assert clock.elapsed() - before_s == 5
    assert steadied.now() == ManualClock().now() + timedelta(seconds=5)
    clock.time -= timedelta(days=1)
    steadied.sleep(7)
    assert steadied.now() == ManualClock().now() + timedelta(seconds=12)


@pytest.mark.parametrize("clock", [SystemClock(), ScaledClock(datetime(2026, 3, 1, tzinfo=UTC), datetime.now(UTC), 60)])
def test_a_clock_that_runs_never_goes_back(clock):
    seconds = [clock.elapsed() for _ in range(3)]
    assert seconds == sorted(seconds)


def test_a_scaled_clock_measures_its_own_seconds():
    clock = ScaledClock(datetime(2026, 3, 1, tzinfo=UTC), datetime.now(UTC), 3600)
    shown, passed_s = clock.now(), clock.elapsed()
    while clock.elapsed() - passed_s < 10:
        pass
    assert (clock.now() - shown).total_seconds() == pytest.approx(clock.elapsed() - passed_s, abs=60)
