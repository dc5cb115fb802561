"""Caddy's two slots: who stands where, and which random numbers lead to whom, as the files say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import ConflictError
from cloudgpu.base.secret import Secret
from cloudgpu.moving.gateway.caddy.slots import places_of, shares_text, side_files
from cloudgpu.moving.gateway.route import GatewayKind, Route, Upstream


def a_side(name, weight, *, standby=False, url="http://127.0.0.1:8000"):
    return Upstream(name=name, url=url, api_key=Secret("k"), model="org/a+b", weight=weight, standby=standby)


def a_route(*sides):
    route = Route(
        service="service", kind=GatewayKind.CADDY, host="127.0.0.1", port=8400, client_key=Secret("c"),
    )  # fmt: skip
    return route.leading_to(*sides)


def names(places):
    return {slot: side.name if side else None for slot, side in places.items()}


def test_a_side_keeps_its_slot_while_others_come_and_go():
    first = places_of(a_route(a_side("old", 100)), {})
    assert names(first) == {"left": "old", "right": None}
    both = places_of(a_route(a_side("old", 100), a_side("a-new-one", 0)), {"left": "old", "right": ""})
    assert names(both) == {"left": "old", "right": "a-new-one"}
    left = places_of(a_route(a_side("a-new-one", 100)), {"left": "old", "right": "a-new-one"})
    assert names(left) == {"left": None, "right": "a-new-one"}


def test_a_third_side_is_refused_in_one_sentence():
    with pytest.raises(ConflictError, match="two sides at most, not to a, b, c"):
        places_of(a_route(a_side("a", 50), a_side("b", 50), a_side("c", 0)), {})


@given(percent=st.integers(0, 100), drawn=st.uuids(version=4))
def test_a_request_goes_left_when_its_number_is_below_the_share_and_right_otherwise(percent, drawn):
    route = a_route(a_side("old", percent), a_side("new", 100 - percent))
    text = shares_text(route, places_of(route, {"left": "old", "right": "new"}))
    goes_left = "left:leads" in text and str(drawn) < text
    assert goes_left == (drawn.int >> 96 < 2**32 * percent // 100)
    assert goes_left or "right:leads" in text


def test_only_a_side_with_a_share_or_on_standby_may_take_over():
    route = a_route(a_side("old", 0, standby=True), a_side("new", 100))
    words = shares_text(route, places_of(route, {"left": "old", "right": "new"})).split()[1:]
    assert words == ["left:by-weight", "left:spare", "right:by-weight", "right:leads", "right:spare"]
    alone = a_route(a_side("old", 0), a_side("new", 100))
    assert "left:spare" not in shares_text(alone, places_of(alone, {"left": "old"}))


def test_the_files_of_a_side_say_what_to_dial_and_what_to_say_there():
    files = side_files("left", a_side("old", 100, url="https://abc-8000.proxy.runpod.net"))
    assert (files["left.address"], files["left.host"]) == ("abc-8000.proxy.runpod.net:443", "abc-8000.proxy.runpod.net")
    assert list(files)[-1] == "left.scheme"
    assert next(iter(side_files("left", None))) == "left.scheme"
