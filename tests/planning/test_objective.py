"""Plans that look at speed: what a token costs, the least speed asked for, and the speed of an offer's own memory."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import UsageError
from cloudgpu.planning.objective import Objective, usd_per_million_tokens
from cloudgpu.planning.offers.vast import offer_from_vast
from cloudgpu.planning.plan import make_plan
from cloudgpu.planning.plan_file import load_plan, save_plan

FIXTURES = Path(__file__).parent / "fixtures"
SLOW_AND_CHEAP = {"gpu": "RTX A6000", "gpu_memory_mib": 49140, "gpu_usd_per_hour": Decimal("0.40")}
FAST_AND_DEAR = {"gpu": "H100 SXM", "gpu_memory_mib": 81559, "gpu_usd_per_hour": Decimal("1.40"), "machine_id": "m2"}


@pytest.fixture
def both(offer):
    return offer(offer_id="slow", **SLOW_AND_CHEAP), offer(offer_id="fast", **FAST_AND_DEAR)


def test_by_price_the_cheap_card_leads_and_by_token_the_fast_one(needs, market, both, now):
    by_price = make_plan(needs(), market(*both), now)
    by_token = make_plan(needs(objective=Objective.COST_PER_TOKEN), market(*both), now)
    assert [candidate.offer.offer_id for candidate in by_price.candidates] == ["slow", "fast"]
    assert [candidate.offer.offer_id for candidate in by_token.candidates] == ["fast", "slow"]
    costs = [candidate.usd_per_million_output_tokens for candidate in by_token.candidates]
    assert costs == sorted(costs)


def test_a_token_costs_everything_over_the_hours_by_the_tokens_of_a_busy_machine(needs, market, offer, now):
    [found] = make_plan(needs(hours=Decimal(10)), market(offer()), now).candidates
    tokens = Decimal(str(round(found.speed.output_tokens_per_s, 2))) * 3600 * 10
    expected = found.usd_total * 1_000_000 / tokens
    assert abs(found.usd_per_million_output_tokens - expected) < Decimal("0.000001")


@given(st.decimals("0.01", "1000", places=2), st.integers(1, 720), st.floats(0.01, 1e6))
def test_more_speed_never_makes_a_token_dearer(usd_total, hours, rate):
    slow, fast = (usd_per_million_tokens(usd_total, Decimal(hours), each) for each in (rate, rate * 2))
    assert fast <= slow


def test_no_tokens_have_no_price():
    assert usd_per_million_tokens(Decimal(1), Decimal(1), 0.0) is None


def test_too_slow_an_offer_is_refused_with_the_speed_that_would_pass(needs, market, both, now):
    plan = make_plan(needs(min_tokens_per_s=50.0), market(*both), now)
    assert [candidate.offer.offer_id for candidate in plan.candidates] == ["fast"]
    [reason] = plan.rejections[0].reasons
    assert reason.code == "speed"
    passes = float(reason.detail.split("--min-tokens-per-s ")[1].split()[0])
    again = make_plan(needs(min_tokens_per_s=passes), market(*both), now)
    assert len(again.candidates) == 2


def test_an_offer_that_is_too_small_is_not_called_slow_as_well(needs, market, offer, now):
    small = offer(gpu="RTX 4090", gpu_memory_mib=24564)
    [rejection] = make_plan(needs(min_tokens_per_s=1.0), market(small), now).rejections
    assert [reason.code for reason in rejection.reasons] == ["memory"]


def test_a_card_of_unknown_speed_comes_last_and_passes_no_least_speed(needs, market, offer, now):
    unknown = offer(gpu="RTX PRO 6000 MIG 2g.48gb", gpu_memory_mib=48600, gpu_usd_per_hour=Decimal("0.10"))
    known = offer(offer_id="2", machine_id="m2")
    by_token = make_plan(needs(objective=Objective.COST_PER_TOKEN), market(unknown, known), now)
    assert [candidate.offer.offer_id for candidate in by_token.candidates] == ["2", "1"]
    last = by_token.candidates[-1]
    assert (last.speed, last.usd_per_million_output_tokens, last.as_json()["speed"]) == (None, None, None)
    filtered = make_plan(needs(min_tokens_per_s=1.0), market(unknown), now)
    assert [reason.code for reason in filtered.rejections[0].reasons] == ["speed"]


def test_the_bandwidth_that_an_offer_measured_decides_its_speed(needs, market, offer, now):
    slow, fast = (
        offer(gpu_bandwidth_gb_per_s=1200.0),
        offer(offer_id="2", machine_id="m2", gpu_bandwidth_gb_per_s=1800.0),
    )
    plan = make_plan(needs(objective=Objective.COST_PER_TOKEN), market(slow, fast), now)
    assert [candidate.offer.offer_id for candidate in plan.candidates] == ["2", "1"]


def test_vast_tells_the_bandwidth_and_nonsense_is_not_believed():
    row = json.loads((FIXTURES / "vast_raw_offers.json").read_text(), parse_float=Decimal)[0]
    assert offer_from_vast(row).gpu_bandwidth_gb_per_s == 893.1
    assert offer_from_vast({**row, "gpu_mem_bw": 0}).gpu_bandwidth_gb_per_s is None
    assert offer_from_vast({**row, "pcie_bw": 22.4}).host_gb_per_s == 22.4
    assert offer_from_vast({**row, "pcie_bw": 0}).host_gb_per_s is None


def test_of_two_machines_with_the_same_cards_the_one_with_wider_slots_gives_more_tokens_for_the_money(
    needs, market, offer, now
):
    cards = {"gpu": "RTX 4090", "gpu_memory_mib": 24564, "gpu_count": 2}
    riser, slots = (
        offer(**cards, host_gb_per_s=0.8),
        offer(**cards, offer_id="2", machine_id="m2", host_gb_per_s=25.0),
    )
    plan = make_plan(needs(objective=Objective.COST_PER_TOKEN), market(riser, slots), now)
    assert [candidate.offer.offer_id for candidate in plan.candidates] == ["2", "1"]


def test_speed_is_judged_at_the_concurrency_and_lengths_asked_for(needs, market, offer, now):
    asked = needs(options={"concurrency": 8}, prompt_tokens=2000, output_tokens=100)
    [found] = make_plan(asked, market(offer()), now).candidates
    assert (found.speed.concurrency, found.speed.prompt_tokens, found.speed.output_tokens) == (8, 2000, 100)


def test_requests_longer_than_the_context_are_refused(needs, market, offer, now):
    with pytest.raises(UsageError, match="do not fit the context"):
        make_plan(needs(options={"context_tokens": 1000}, prompt_tokens=2000), market(offer()), now)


def test_a_plan_file_keeps_speed_and_objective(needs, market, both, now, tmp_path):
    plan = make_plan(needs(objective=Objective.COST_PER_TOKEN, min_tokens_per_s=10.0), market(*both), now)
    save_plan(plan, tmp_path / "plan.json")
    loaded = load_plan(tmp_path / "plan.json")
    assert loaded == plan
    assert loaded.needs.objective is Objective.COST_PER_TOKEN


def test_savings_are_against_the_cheapest_whatever_leads(needs, market, both, now):
    lighter = {"gpu": "RTX 4090", "gpu_memory_mib": 24564, "gpu_usd_per_hour": Decimal("0.30")}
    small = replace(both[0], offer_id="small", machine_id="m3", **lighter)
    saved = {
        objective: make_plan(needs(objective=objective), market(*both, small), now).savings for objective in Objective
    }
    assert saved[Objective.PRICE] == saved[Objective.COST_PER_TOKEN] != ()
