"""Searching offers as Vast lets you, and as it trips you."""

import json
from decimal import Decimal

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.emulator.vast_api.filters import BadFilterError, ordered, read_conditions

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-5, 5) | st.floats(-5, 5, allow_nan=False),
            "s": st.none() | st.sampled_from("abc"),
        }
    ),
    max_size=8,
)
NUMBER = st.integers(-5, 5)


def passing(rows, **filters):
    tests = read_conditions(filters, {"n", "s"})
    return [row for row in rows if all(test(row) for test in tests)]


@given(ROWS, NUMBER)
def test_a_number_may_arrive_as_text(rows, number):
    for operator in ("eq", "neq", "gt", "gte", "lt", "lte"):
        assert passing(rows, n={operator: number}) == passing(rows, n={operator: str(number)})


@given(ROWS, NUMBER)
def test_opposite_operators_share_the_rows_between_them(rows, number):
    known = [row for row in rows if row["n"] is not None]
    assert len(passing(rows, n={"eq": number})) + len(passing(rows, n={"neq": number})) == len(rows)
    assert len(passing(rows, n={"lt": number})) + len(passing(rows, n={"gte": number})) == len(known)
    assert len(passing(rows, n={"gt": number})) + len(passing(rows, n={"lte": number})) == len(known)


@given(ROWS, st.lists(st.sampled_from("abcd")))
def test_in_is_any_of_and_notin_is_none_of(rows, letters):
    inside = passing(rows, s={"in": letters})
    assert inside == [row for row in rows if row["s"] in letters]
    assert passing(rows, s={"notin": letters}) == [row for row in rows if row not in inside]


@given(ROWS, NUMBER, NUMBER)
def test_several_operators_of_a_field_must_all_hold(rows, low, high):
    both = passing(rows, n={"gte": low, "lte": high})
    assert both == [row for row in rows if row["n"] is not None and low <= row["n"] <= high]


@given(ROWS)
def test_rows_without_a_value_come_last_whatever_the_direction(rows):
    for direction in ("asc", "desc"):
        values = [row["n"] for row in ordered(rows, [("n", direction)])]
        known = [value for value in values if value is not None]
        assert values == known + [None] * (len(values) - len(known))
        assert known == sorted(known, reverse=direction == "desc")


def test_a_bare_value_is_refused():
    with pytest.raises(BadFilterError, match="valid dictionary"):
        passing([], n=3)


def test_an_unknown_field_is_refused_rather_than_ignored(emulator):
    answer = emulator.call("POST", "/api/v0/bundles/", {"gpu_nmae": {"eq": "RTX 4090"}})
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"


def test_the_price_follows_from_the_disk_that_is_asked_for(emulator):
    small = {row["id"]: row for row in emulator.search(allocated_storage=10)}
    large = {row["id"]: row for row in emulator.search(allocated_storage=200)}
    assert large
    assert set(large) < set(small)  # small disks fall out
    for ask_id, row in large.items():
        exact = row["storage_cost"] * 200 / 720
        assert abs(row["storage_total_cost"] - exact) <= Decimal("5e-13")
        assert row["dph_total"] == row["dph_base"] + row["storage_total_cost"]
        assert row["dph_base"] == small[ask_id]["dph_base"]


def test_without_filters_only_free_verified_machines_are_shown(emulator):
    rows = emulator.search()
    assert {row["verification"] for row in rows} == {"verified"}
    assert all(row["rentable"] for row in rows)


def test_any_lifts_a_default_filter(emulator):
    verified, every = len(emulator.search()), emulator.search(verified={"eq": "any"}, rentable={"eq": "any"})
    assert len(every) > verified
    assert {"verified", "unverified", "deverified"} == {row["verification"] for row in every}
    assert not all(row["rentable"] for row in every)


def test_the_order_is_kept_and_the_limit_draws_a_sample(emulator):
    every = emulator.search(order=[["dph_total", "asc"]])
    some = emulator.search(order=[["dph_total", "asc"]], limit=20)
    assert [row["dph_total"] for row in every] == sorted(row["dph_total"] for row in every)
    assert [row["dph_total"] for row in some] == sorted(row["dph_total"] for row in some)
    assert len(some) == 20
    assert {row["id"] for row in some} != {row["id"] for row in every[:20]}  # not simply the cheapest


def test_places_are_filtered_by_country_and_shown_in_full(emulator):
    rows = emulator.search(geolocation={"in": ["SE", "TR"]}, verified={"eq": "any"})
    assert rows
    assert {row["geolocation"][-2:] for row in rows} <= {"SE", "TR"}


def test_an_id_finds_nothing_but_its_ask_contract_id_does(emulator):
    wanted = emulator.offer()["id"]
    assert [row["id"] for row in emulator.search(ask_contract_id={"eq": wanted})] == [wanted]
    assert emulator.call("POST", "/api/v0/bundles/", {"id": {"eq": wanted}}).json()["offers"] == []


def test_without_a_key_the_answer_stops_at_64_rows(emulator):
    answer = requests.post(f"{emulator.url}/api/v0/bundles/", json={}, timeout=30)
    assert len(answer.json()["offers"]) == 64


def test_a_wrong_key_is_a_404_and_none_is_a_403(emulator):
    headers = {"Authorization": "Bearer wrong"}
    answer = requests.get(f"{emulator.url}/api/v1/instances/", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (404, "auth_error")
    assert requests.get(f"{emulator.url}/api/v1/instances/", timeout=30).status_code == 403
    assert requests.post(f"{emulator.url}/api/v0/bundles/", json={}, headers=headers, timeout=30).status_code == 404


def test_the_content_type_must_be_exact(emulator):
    answer = emulator.http.post(
        f"{emulator.url}/api/v0/bundles/",
        data="{}",
        headers={"Content-Type": "application/json; charset=utf-8"},
        timeout=30,
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/api/v0/bundles", "/api/v1/instances"])
def test_a_path_without_its_slash_is_unknown(emulator, path):
    assert emulator.call("POST" if "bundles" in path else "GET", path, {}).status_code == 404


def test_the_old_ways_to_search_still_answer(emulator):
    query = {"gpu_name": {"eq": "RTX 4090"}}
    by_get = emulator.call("GET", "/api/v0/bundles/", params={"q": json.dumps(query)}).json()["offers"]
    by_put = emulator.call("PUT", "/api/v0/search/asks/", {"select_cols": ["*"], "q": query}).json()["offers"]
    assert [row["id"] for row in by_get] == [row["id"] for row in by_put] == [r["id"] for r in emulator.search(**query)]


def test_a_bid_is_priced_at_the_lowest_one_accepted(emulator):
    row = emulator.search(type="bid")[0]
    assert row["is_bid"]
    assert row["dph_base"] == row["min_bid"]
