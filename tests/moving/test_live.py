"""What two readings of the counters say of the new side."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.live import Baseline, Count, Observation, judge_live

BOUNDS_S = (0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0)
"""Some of vLLM's."""


def served(*ttft_s):
    """The counters of an engine after these times to the first token."""
    within = {bound_s: sum(each <= bound_s for each in ttft_s) for bound_s in BOUNDS_S}
    return Count(first_tokens=len(ttft_s), ttft_s=sum(ttft_s), within=within)


def ttft(before, old, new):
    """The check of the time to the first token, of these counters."""
    counts = Baseline(old=old, new=new)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    seen = Observation(at=at, old_is_healthy=True, refusal=None, counts=counts)
    return next(each for each in judge_live("old", "new", before, seen, since=before).checks if each.name == "TTFT")


@pytest.mark.parametrize(("usual_s", "slow_s"), [(0.9, 4.9), (0.34, 2.4), (3.4, 19.0)])
def test_a_side_that_is_five_times_slower_for_everybody_is_told_whatever_the_buckets(usual_s, slow_s):
    gates = [usual_s] * 30
    before = Baseline(old=Count(), new=served(*gates))
    check = ttft(before, Count(), served(*gates, *[slow_s] * 40))
    assert check.outcome is Outcome.FAIL
    assert "of 40 after more than" in check.reason


@pytest.mark.parametrize("few", [served(60.0), served(60.0, 50.0)])
def test_a_few_slow_answers_of_the_old_side_excuse_nothing(few):
    """Its first ones after a start above all; the new side is measured against its own gates then."""
    gates = [0.3] * 30
    check = ttft(Baseline(old=few, new=served(*gates)), few, served(*gates, *[5.0] * 40))
    assert check.outcome is Outcome.FAIL
    since_then = ttft(Baseline(old=Count(), new=served(*gates)), few, served(*gates, *[5.0] * 40))
    assert since_then.outcome is Outcome.FAIL


def test_what_an_older_release_counted_without_buckets_hides_no_slower_side():
    body = {"requests": 0, "errors": 0, "first_tokens": 1000, "ttft_s": 300.0}
    before = Baseline.from_body({"old": body, "new": body})
    check = ttft(before, Count(), served(*[0.3] * 1000, *[5.0] * 40))
    assert check.outcome is Outcome.FAIL


@given(st.lists(st.integers(min_value=0, max_value=500), min_size=4, max_size=4), st.booleans())
def test_what_was_counted_since_a_moment_is_never_negative(values, restarted):
    before = Count(requests=values[0], errors=values[1], first_tokens=values[2], ttft_s=float(values[3]))
    more = Count(requests=values[3], errors=values[2], first_tokens=values[1], ttft_s=float(values[0]))
    now = more if restarted else Count(
        requests=before.requests + more.requests, errors=before.errors + more.errors,
        first_tokens=before.first_tokens + more.first_tokens, ttft_s=before.ttft_s + more.ttft_s,
    )  # fmt: skip
    seen = now.since(before)
    assert seen.requests >= 0
    assert seen.errors >= 0
    assert seen.first_tokens >= 0
