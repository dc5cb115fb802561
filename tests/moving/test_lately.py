"""A share that has gone well for long hides nothing of the last minutes, and a few answers do not judge a side."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_world import a_migration

from cloudgpu.moving import forward, window
from cloudgpu.moving.lately import Lately, first_look
from cloudgpu.moving.live import MIN_REQUESTS, Baseline, Count, Observation
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy

NEVER = Strategy(window_s=None)


@pytest.fixture
def well(world, acts):
    """A new side that has answered 6,000 requests in half an hour, one look every quarter of a minute."""
    world.counts = {"qwen-14b": Count(first_tokens=30, ttft_s=1.2)}
    now = forward.go_forward(a_migration(strategy=NEVER), acts)
    for _ in range(120):
        world.wait(15)
        serve(world, 50, ttft_s=0.04)
        now = window.look(now, acts)
        assert now.state is MigrationState.PROMOTED
    return now


def serve(world, requests, *, errors=0, ttft_s=0.04):
    had = world.counts["qwen-14b"]
    world.counts["qwen-14b"] = Count(
        requests=had.requests + requests, errors=had.errors + errors,
        first_tokens=had.first_tokens + requests - errors, ttft_s=had.ttft_s + ttft_s * (requests - errors),
    )  # fmt: skip


def looks_until_it_goes_back(world, acts, now, **what):
    for count in range(1, 20):
        world.wait(15)
        serve(world, 50, **what)
        now = window.look(now, acts)
        if now.state is MigrationState.ROLLED_BACK:
            return count
    return None


def test_a_side_that_becomes_seventy_times_slower_goes_back_within_a_minute_or_so(world, acts, well):
    assert looks_until_it_goes_back(world, acts, well, ttft_s=3.0) <= 5


def test_a_side_of_which_every_other_request_fails_goes_back_within_a_minute_or_so(world, acts, well):
    assert looks_until_it_goes_back(world, acts, well, errors=25) <= 5


def test_an_error_in_a_hundred_is_chance_however_often_it_is_looked_at(world, acts, well):
    for number in range(400):
        world.wait(15)
        serve(world, 25, errors=int(number % 4 == 0))
        well = window.look(well, acts)
    assert well.state is MigrationState.PROMOTED


def test_clients_that_ask_for_nonsense_do_so_of_the_new_side_too(world, acts):
    world.counts = {"mistral": Count(requests=1000, errors=80), "qwen-14b": Count(first_tokens=30, ttft_s=1.2)}
    now = forward.go_forward(a_migration(strategy=NEVER), acts)
    assert looks_until_it_goes_back(world, acts, now, errors=4) is None
    assert looks_until_it_goes_back(world, acts, now, errors=20) is not None


AT = datetime(2026, 1, 1, tzinfo=UTC)


def seen(after_s, requests):
    counts = Baseline(old=Count(), new=Count(requests=requests))
    return Observation(at=AT + timedelta(seconds=after_s), old_is_healthy=True, refusal=None, counts=counts)


@given(st.lists(st.tuples(st.floats(1, 600), st.integers(0, 60)), min_size=1, max_size=40))
def test_what_is_judged_is_enough_or_all_there_was_and_never_what_was_before_the_share(steps):
    baseline = Baseline(old=Count(), new=Count(requests=7))
    after_s, requests, lately = 0.0, 7, None
    for wait_s, more in steps:
        after_s, requests = after_s + wait_s, requests + more
        look = seen(after_s, requests)
        lately = (lately or first_look(baseline, look)).moved_on(look)
        judged = look.counts.new.since(lately.since.new).requests
        assert judged >= min(MIN_REQUESTS, requests - 7)
        assert judged <= requests - 7
    assert Lately.from_body(lately.as_body()) == lately


@given(st.integers(30, 300), st.integers(60, 100))
def test_where_looks_are_frequent_no_more_than_some_minutes_are_judged(every_s, requests):
    lately, added_s = None, {}
    for number in range(1, 60):
        look = seen(number * every_s, number * requests)
        added_s[number * requests] = number * every_s
        lately = (lately or first_look(Baseline(old=Count(), new=Count()), look)).moved_on(look)
    since_s = added_s[lately.since.new.requests]
    assert 59 * every_s - since_s <= 2 * (120 + every_s)
