"""Bids at Vast.ai: sent, raised, changed, lost; and what hosts propose. Answers of the shapes that Vast.ai sends."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import (
    BadAnswerError,
    InvalidRequestError,
    OfferGoneError,
    RefusedKeyError,
    UnreachableError,
)
from cloudgpu.running.providers.base import InstanceState, PriceProposal
from cloudgpu.running.providers.vast.bid import bid_price
from tests.running.vast_answers import CREATE, SEARCH, SHOW, URL, offer_row, row


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"min_bid": 0.41}, "the least bid is now $0.4100 per hour, its own is $0.2867"),
        ({"min_bid": 0.2}, "stopped by a higher bid or a rental on demand; its own bid is $0.2867 per hour"),
        ({}, "stopped by a higher bid or a rental on demand; its own bid is $0.2867 per hour"),
    ],
)
@pytest.mark.parametrize("actual", ["exited", "loading", "stopped"])
def test_a_bid_that_was_stopped_without_our_asking_is_outbid_and_says_what_wins(vast, server, actual, more, detail):
    stopped = row(actual_status=actual, intended_status="stopped", is_bid=True, **more)
    server.get(SHOW, body=json.dumps({"instances": stopped}))
    view = vast.instance("77")
    assert (view.state, view.detail) == (InstanceState.OUTBID, detail)
    assert view.bid_usd_per_hour == Decimal("0.2866666667")
    assert (view.gpu_billing, view.disk_billing, view.addresses) == (False, True, {})


def test_a_bid_that_runs_is_running_and_a_broken_image_is_no_higher_bid(vast, server):
    broken = "Error response from daemon: manifest for x not found"
    server.get(SHOW, body=json.dumps({"instances": row(is_bid=True, min_bid=0.21)}))
    server.get(SHOW, body=json.dumps({"instances": row(is_bid=True, intended_status="stopped", status_msg=broken)}))
    runs, failed = vast.instance("77"), vast.instance("77")
    assert (runs.state, runs.min_bid_usd_per_hour) == (InstanceState.RUNNING, Decimal("0.21"))
    assert failed.state is InstanceState.FAILED


def test_what_is_on_demand_has_no_bid(vast, server):
    server.get(SHOW, body=json.dumps({"instances": row(is_bid=False, min_bid=0.2)}))
    view = vast.instance("77")
    assert (view.bid_usd_per_hour, view.min_bid_usd_per_hour) == (None, None)


def bid(make_offer, usd, **more):
    return replace(make_offer(5001, usd), interruptible=True, **more)


def test_a_bid_is_a_create_with_a_price_and_still_fails_rather_than_bill_while_stopped(
    vast, server, launch, make_offer
):
    server.put(CREATE, json={"success": True, "new_contract": 88})
    vast.create(bid(make_offer, "0.21"), launch, "t")
    sent = json.loads(server.calls[0].request.body)
    assert (sent["price"], sent["cancel_unavail"]) == (0.21, True)


@given(st.decimals(min_value="0.001", max_value=127, places=12))
def test_a_bid_is_never_rounded_below_what_wins(usd):
    assert usd <= Decimal(repr(bid_price(usd))) < usd + Decimal("0.000001")


@pytest.mark.parametrize("usd", ["0.0005", "128.5"])
def test_a_bid_that_vast_does_not_take_is_never_sent(vast, server, launch, make_offer, usd):
    with pytest.raises(InvalidRequestError, match="outside of what Vast"):
        vast.create(bid(make_offer, usd), launch, "t")
    with pytest.raises(InvalidRequestError):
        vast.change_bid("77", Decimal(usd))
    assert len(server.calls) == 0


def test_a_bid_read_again_is_raised_to_what_wins_now_and_never_lowered(vast, server, make_offer):
    server.post(SEARCH, body=json.dumps({"offers": [offer_row(min_bid=0.22)]}))
    raised = vast.offer(bid(make_offer, "0.20"), 40)
    kept = vast.offer(bid(make_offer, "0.25"), 40)
    assert (raised.gpu_usd_per_hour, kept.gpu_usd_per_hour) == (Decimal("0.220001"), Decimal("0.25"))
    for again in (raised, kept):
        assert again.interruptible
        assert (again.min_bid_usd_per_hour, again.on_demand_usd_per_hour) == (Decimal("0.22"), Decimal("0.3"))


@pytest.mark.parametrize(
    ("least", "own", "said"),
    [(0.31, "0.2", r"\$0\.3100 .* buys nothing: on demand .* \$0\.3000"), (0.3, "0.2", "buys nothing"),
     (0.1, "0.3", "buys nothing"), (None, "0.2", "takes no bids")],
)  # fmt: skip
def test_a_bid_that_costs_as_much_as_renting_on_demand_is_refused(vast, server, make_offer, least, own, said):
    server.post(SEARCH, body=json.dumps({"offers": [offer_row(min_bid=least)]}))
    with pytest.raises(OfferGoneError, match=said):
        vast.offer(bid(make_offer, own), 40)


BID = f"{URL}/api/v0/instances/bid_price/77/"


def test_a_bid_is_changed_once_and_at_its_own_distance(vast, server, clock):
    server.put(BID, json={"success": True})
    vast.change_bid("77", Decimal("0.35"))
    vast.change_bid("77", Decimal("0.36"))
    assert json.loads(server.calls[0].request.body) == {"client_id": "me", "price": 0.35}
    assert clock.elapsed() == 5.5


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"success": False, "error": "invalid_price", "msg": "too low"}, InvalidRequestError),
        (404, {"success": False, "error": "no_such_instance", "msg": "x"}, BadAnswerError),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, RefusedKeyError),
        (200, {"success": False, "error": "invalid_args", "msg": "it is no bid"}, InvalidRequestError),
        (200, {}, BadAnswerError),
        (504, {}, UnreachableError),
    ],
)
def test_a_bid_that_was_not_changed_is_an_error_and_not_sent_again(vast, server, status, body, error):
    server.put(BID, status=status, json=body)
    with pytest.raises(error):
        vast.change_bid("77", Decimal("0.35"))
    assert len(server.calls) == 1


PROPOSALS = f"{URL}/api/v0/instances/pending-price-increases/"


def test_a_proposed_price_is_shown_and_nothing_answers_it(vast, server):
    server.get(
        PROPOSALS,
        body="""{"success": true, "count": 1, "truncated": false, "pending_price_increases": [
      {"pending_price_increase_id": 999, "contract_id": 77, "host_id": 7, "new_gpu_costpersec": 0.0002,
       "old_gpu_costpersec": 0.0001, "new_disk_ram_costpersec": null, "contract_end_date": 1772366400.0}]}""",
    )
    assert vast.price_proposals() == (
        PriceProposal(
            proposal_id="999", instance_id="77", now_usd_per_hour=Decimal("0.36"), asked_usd_per_hour=Decimal("0.72"),
            answer_by=datetime(2026, 3, 1, 12, tzinfo=UTC),
        ),
    )  # fmt: skip
    assert [call.request.method for call in server.calls] == ["GET"]


@pytest.mark.parametrize("body", [{}, [], {"pending_price_increases": None}, {"pending_price_increases": [{}]},
                                  {"pending_price_increases": [5]},
                                  {"pending_price_increases": [{"pending_price_increase_id": 1, "contract_id": 2,
                                                                "new_gpu_costpersec": "much"}]}])  # fmt: skip
def test_proposals_that_cannot_be_read_are_an_error(vast, server, body):
    server.get(PROPOSALS, json=body)
    with pytest.raises(BadAnswerError):
        vast.price_proposals()
