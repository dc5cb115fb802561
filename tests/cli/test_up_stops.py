"""Where `up` may rent, in order, and lengths of time as they are typed."""

from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.cli.option_values import seconds
from cloudgpu.cli.up.stops import _limits


@pytest.mark.parametrize(("text", "s"), [("90s", 90), ("30m", 1800), ("8h", 28800), ("1.5h", 5400), ("2D", 172800)])
def test_a_length_of_time_is_read(text, s):
    assert seconds(text, "--ttl") == s


@pytest.mark.parametrize("text", ["", "8", "h", "-8h", "nan h", "8x", "9999d", "0m", "8 hours"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(UsageError) as refused:
        seconds(text, "--ttl")
    assert "--ttl" in refused.value.message + (refused.value.hint or "")


def limits(number, providers, **more):
    wish = {"max_price": None, "max_wait_minutes": None, "max_attempts": 3, "max_spend": None, "hedge": 1,
            "idle_stop_s": None, "ttl_s": None, "dead_man_s": None}  # fmt: skip
    plan = SimpleNamespace(needs=SimpleNamespace(max_usd_per_hour=None, hours=24))
    return _limits(SimpleNamespace(**wish | more), plan, number, providers)


def test_an_attempt_is_kept_for_each_provider_that_comes_after():
    assert [limits(number, 2).max_attempts for number in (1, 2)] == [2, 3]
    assert limits(1, 1).max_attempts == 3


def test_a_race_may_run_whole_at_each_provider():
    assert [limits(number, 2, hedge=4).max_attempts for number in (1, 2)] == [4, 8]


def test_only_a_life_that_was_given_ends_by_itself():
    assert not limits(1, 1).ends_by_itself
    asked = limits(1, 1, ttl_s=3600.0)
    assert (asked.ends_by_itself, asked.lease_s) == (True, 3600)
