"""Getting past a cap: the price range is halved until every part is answered whole."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import UnreachableError
from cloudgpu.running.providers.vast.search import is_cut
from cloudgpu.running.providers.vast.sweep import MOST_CALLS, sweep


class Capped:
    """A market that answers with a random sample of `cap` rows when more pass."""

    def __init__(self, prices, cap=10, fails_at=None):
        self.rows = [{"ask_contract_id": number, "dph_total": price} for number, price in enumerate(prices)]
        self.cap, self.fails_at, self.asked = cap, fails_at, []

    def __call__(self, body):
        self.asked.append(body)
        if len(self.asked) == self.fails_at:
            raise UnreachableError("no answer")
        bounds = body.get("dph_total", {})
        above, most = bounds.get("gt", -1), bounds.get("lte", 10**9)
        found = [row for row in self.rows if above < float(row["dph_total"]) <= most]
        return found if len(found) <= self.cap else random.Random(len(found)).sample(found, self.cap)

    def sweep(self, body=None):
        return sweep(self, body or {}, lambda rows: rows >= self.cap)


PRICES = st.lists(st.decimals(min_value=Decimal("0.01"), max_value=9, places=3), max_size=120)


@settings(max_examples=150, deadline=None)
@given(PRICES)
def test_whatever_is_called_whole_lacks_nothing(prices):
    market = Capped(prices)
    found = market.sweep()
    numbers = {row["ask_contract_id"] for row in found.rows}
    limit = max(prices, default=0) if found.complete else found.whole_below_usd_per_hour
    if limit is not None:
        assert numbers >= {number for number, price in enumerate(prices) if price <= limit}
    assert len(numbers) == len(found.rows)
    assert found.calls == len(market.asked) <= MOST_CALLS


def test_an_answer_below_the_cap_costs_one_call():
    assert Capped([1, 2, 3]).sweep().calls == 1


def test_a_market_of_twice_the_cap_is_read_whole():
    found = Capped([Decimal(n) / 10 for n in range(20)]).sweep()
    assert found.complete
    assert len(found.rows) == 20


def test_offers_that_all_cost_the_same_cannot_be_told_apart_and_the_answer_says_so():
    found = Capped([1] * 30).sweep()
    assert (found.complete, found.whole_below_usd_per_hour) == (False, None)


def test_a_price_cap_of_the_question_stays_in_every_part():
    market = Capped([Decimal(n) / 10 for n in range(1, 31)])
    market.sweep({"dph_total": {"lte": 2.0}})
    assert all(body["dph_total"].get("lte", 99) <= 2.0 for body in market.asked)


def test_a_first_call_that_fails_is_the_answer_and_a_later_one_ends_the_search():
    with pytest.raises(UnreachableError):
        Capped([1], fails_at=1).sweep()
    found = Capped([Decimal(n) / 10 for n in range(30)], fails_at=6).sweep()
    assert not found.complete
    assert found.whole_below_usd_per_hour is not None


@pytest.mark.parametrize("rows", [64, 512, 600])
def test_an_answer_as_long_as_a_cap_counts_as_cut(rows):
    assert is_cut(rows)
    assert not is_cut(rows - 1) or rows == 600


def test_rows_without_a_price_or_a_number_do_no_harm():
    answers = iter([[{"dph_total": None}, {}, "x", {"dph_total": True}] * 3])
    found = sweep(lambda body: next(answers), {}, lambda rows: rows >= 10)
    assert (found.complete, len(found.rows)) == (False, 12)
