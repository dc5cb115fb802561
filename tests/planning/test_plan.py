"""Ranking: total, stable, honest about every offer."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import UsageError
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.plan import make_plan
from cloudgpu.planning.plan_file import load_plan, save_plan
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CARDS = (("RTX 4090", 24564), ("RTX 4090", 49140), ("A100 SXM4 80GB", 81920), ("V100 SXM2 32GB", 32768), ("Odd", 9999))


@st.composite
def offers(draw):
    gpu, memory_mib = draw(st.sampled_from(CARDS))
    number = draw(st.integers(1, 10**6))
    return Offer(
        provider=draw(st.sampled_from(("vast", "runpod"))),
        offer_id=str(number),
        machine_id=draw(st.none() | st.sampled_from(("a", "b", "c"))),
        gpu=gpu,
        gpu_count=draw(st.sampled_from((1, 2, 3, 4))),
        gpu_memory_mib=memory_mib,
        compute_capability=None,
        cuda_max=draw(st.sampled_from((None, "12.8", "13.0"))),
        gpu_usd_per_hour=draw(st.decimals(min_value=Decimal("0.1"), max_value=5, places=2)),
        storage_usd_per_gb_month=draw(st.sampled_from((Decimal("0.1"), Decimal("0.2")))),
        download_usd_per_gb=draw(st.sampled_from((Decimal(0), Decimal("0.03")))),
        upload_usd_per_gb=Decimal(0),
        download_mbps=draw(st.none() | st.floats(10, 10_000)),
        disk_gb=draw(st.none() | st.floats(5, 1000)),
        host_ram_gb=None,
        reliability=draw(st.none() | st.floats(0.5, 1)),
        verified=draw(st.sampled_from((None, True, False))),
        location=None,
        country=None,
        open_ports=None,
        rentable_s=None,
    )


MARKETS = st.lists(offers(), max_size=12)
CAPS = st.decimals(min_value=Decimal("0.1"), max_value=6, places=2)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def plan_of(found, **changes):
    needs = Needs(model=resolve_model("qwen-14b"), options=ServingOptions(), **changes)
    market = Market(
        offers=tuple(found), source=OfferSource.LIVE, origin="a test", fetched_at=NOW, complete=True, unreadable={}
    )
    return make_plan(needs, market, NOW)


def accepted(plan):
    best = [(candidate.offer.provider, candidate.offer.offer_id) for candidate in plan.candidates]
    return best + [
        (candidate.offer.provider, piece.offer_id) for candidate in plan.candidates for piece in candidate.other_slices
    ]


@FEW
@given(MARKETS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_the_offers(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert plan_of(shuffled).as_json() == plan_of(found).as_json()


def test_offers_alike_in_price_and_number_are_told_apart_the_same_way_in_any_order(offer, market, needs, now):
    one, other = offer(download_mbps=800.0), offer(download_mbps=800.0, host_ram_gb=96.0)
    plans = [make_plan(needs(), market(*found), now) for found in ([one, other], [other, one])]
    assert plans[0].as_json() == plans[1].as_json()


@FEW
@given(MARKETS)
def test_every_offer_is_a_candidate_another_slice_of_one_or_refused_with_a_reason(found):
    plan = plan_of(found)
    assert len(accepted(plan)) + len(plan.rejections) == len(found)
    assert all(rejection.reasons for rejection in plan.rejections)
    assert sum(plan.rejected_by_reason.values()) == sum(len(each.reasons) for each in plan.rejections)


@FEW
@given(MARKETS, CAPS, CAPS)
def test_a_larger_budget_never_loses_an_offer(found, one, other):
    small, large = (plan_of(found, max_usd_per_hour=cap) for cap in sorted((one, other)))
    assert set(accepted(small)) <= set(accepted(large))


@FEW
@given(MARKETS)
def test_candidates_stand_in_order_of_price_and_their_ranks_are_gapless(found):
    plan = plan_of(found)
    assert [candidate.rank for candidate in plan.candidates] == list(range(1, len(plan.candidates) + 1))
    assert all(one.usd_total <= other.usd_total for one, other in pairwise(plan.candidates))


@FEW
@given(MARKETS)
def test_no_machine_stands_twice_among_the_candidates(found):
    machines = [
        (candidate.offer.provider, candidate.offer.machine_id)
        for candidate in plan_of(found).candidates
        if candidate.offer.machine_id
    ]
    assert len(machines) == len(set(machines))


def test_another_slice_of_a_machine_is_remembered_with_the_cheapest(market, needs, offer, now):
    one = offer(offer_id="one", gpu_count=1)
    two = offer(offer_id="two", gpu_count=2, gpu_usd_per_hour=Decimal("2.40"))
    plan = make_plan(needs(), market(two, one), now)
    assert [candidate.offer.offer_id for candidate in plan.candidates] == ["one"]
    assert [piece.offer_id for piece in plan.candidates[0].other_slices] == ["two"]


def test_a_tie_in_price_goes_to_the_more_reliable_host(market, needs, offer, now):
    worse = offer(offer_id="1", machine_id="a", reliability=0.95)
    better = offer(offer_id="2", machine_id="b", reliability=0.99)
    plan = make_plan(needs(), market(worse, better), now)
    assert [candidate.offer.offer_id for candidate in plan.candidates] == ["2", "1"]


def test_all_gpus_of_an_offer_are_used_by_tensor_parallelism(market, needs, offer, now):
    plan = make_plan(needs(), market(offer(gpu="RTX 4090", gpu_memory_mib=24564, gpu_count=2)), now)
    assert plan.candidates[0].tensor_parallel == 2


def test_a_plan_without_candidates_keeps_its_refusals(market, needs, offer, now):
    plan = make_plan(needs(max_usd_per_hour=Decimal("0.01")), market(offer()), now)
    assert plan.candidates == ()
    assert plan.rejected_by_reason == {"price": 1}


def test_a_quantised_form_is_shown_as_a_saving_when_a_cheaper_card_holds_it(market, needs, offer, now):
    small = offer(offer_id="2", machine_id="m2", gpu="RTX 4090", gpu_memory_mib=24564, gpu_usd_per_hour=Decimal("0.30"))
    plan = make_plan(needs(), market(offer(), small), now)
    awq = {saving.quantization: saving for saving in plan.savings}["awq"]
    assert (awq.gpu, awq.checkpoint) == ("RTX 4090", "Qwen/Qwen2.5-14B-Instruct-AWQ")
    assert awq.saves_usd_per_hour == plan.candidates[0].total_usd_per_hour - awq.usd_per_hour
    assert Decimal("0.90") < awq.saves_usd_per_hour < Decimal("0.91")


def test_a_saving_of_next_to_nothing_is_not_worth_saying(market, needs, offer, now):
    assert make_plan(needs(), market(offer()), now).savings == ()


def test_when_only_a_quantised_form_fits_it_is_shown_though_it_saves_nothing(market, needs, offer, now):
    small = offer(gpu="RTX 4090", gpu_memory_mib=24564)
    plan = make_plan(needs(), market(small), now)
    assert plan.candidates == ()
    assert {saving.quantization: saving.saves_usd_per_hour for saving in plan.savings}["awq"] is None


def test_a_model_that_is_quantised_already_has_no_such_savings(market, needs, offer, now):
    assert make_plan(needs("Qwen/Qwen2.5-14B-Instruct-AWQ"), market(offer()), now).savings == ()


def test_a_quantised_plan_names_the_published_checkpoint(market, needs, offer, now):
    plan = make_plan(needs(options={"quantization": "awq"}), market(offer()), now)
    assert plan.candidates[0].checkpoint == "Qwen/Qwen2.5-14B-Instruct-AWQ"
    assert plan.candidates[0].quantization == "awq"


def test_a_form_that_nobody_publishes_is_refused_before_any_offer_is_looked_at(market, needs, offer, now):
    with pytest.raises(UsageError):
        make_plan(needs(options={"quantization": "mxfp4"}), market(offer()), now)


def test_a_context_that_even_yarn_does_not_reach_is_a_mistake_of_the_caller(market, needs, offer, now):
    with pytest.raises(UsageError, match="32768") as caught:
        make_plan(needs(options={"context_tokens": 200_000}), market(), now)
    assert "--context 131072" in caught.value.hint


@pytest.mark.parametrize("context", [32768, 32769, 65536, 131072])
def test_a_plan_and_an_estimate_say_the_same_of_a_long_context(market, needs, offer, now, context):
    options = {"context_tokens": context}
    [candidate] = make_plan(needs(options=options), market(offer()), now).candidates
    said = estimate_case({"model": "qwen-14b", "gpu": "A100 SXM4 80GB", "max_model_len": context})
    assert candidate.memory.flags == said.flags
    assert candidate.memory.kv_needed_gib == said.kv_needed_gib
    assert any("YaRN" in note for note in candidate.memory.capability_notes) == (context > 32768)


def test_where_graphs_find_no_room_the_engine_gets_a_lower_share_of_the_card(market, needs, offer, now, tmp_path):
    small = offer(gpu="RTX 3060", gpu_memory_mib=12288, gpu_count=4)
    plan = make_plan(needs(), market(small), now)
    [candidate] = plan.candidates
    assert candidate.gpu_memory_utilization < 0.92
    assert f"--gpu-memory-utilization {candidate.gpu_memory_utilization:g}" in candidate.memory.flags
    assert candidate.memory.used_gib <= candidate.memory.total_gib
    assert candidate.memory.holds(1)
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def test_a_fit_within_the_error_of_the_estimate_is_called_tight(market, needs, offer, now):
    roomy = make_plan(needs(options={"context_tokens": 2048}), market(offer()), now).candidates[0]
    most = int(roomy.memory.sequences_at_context)
    full = make_plan(needs(options={"context_tokens": 2048, "concurrency": most}), market(offer()), now).candidates[0]
    assert not roomy.is_tight
    assert full.is_tight
    assert 0 <= full.spare_gib < full.memory.error_band_gib < roomy.spare_gib


def test_one_request_more_than_the_cache_holds_is_refused(market, needs, offer, now):
    roomy = make_plan(needs(options={"context_tokens": 2048}), market(offer()), now).candidates[0]
    more = int(roomy.memory.sequences_at_context) + 1
    plan = make_plan(needs(options={"context_tokens": 2048, "concurrency": more}), market(offer()), now)
    assert plan.rejected_by_reason == {"kv_cache": 1}
    assert f"--concurrency {more - 1} would pass" in plan.rejections[0].reasons[0].detail


def test_a_bfloat16_model_is_not_planned_for_a_card_that_lacks_the_format(market, needs, offer, now):
    old = offer(gpu="RTX 2080 Ti", gpu_memory_mib=22528, gpu_count=2)
    assert make_plan(needs(), market(old), now).rejected_by_reason == {"capability": 1}
    assert make_plan(needs(options={"quantization": "awq"}), market(old), now).candidates


def test_the_json_holds_every_key_of_the_contract(market, needs, offer, now):
    document = make_plan(needs(), market(offer(), offer(offer_id="2", machine_id="x", verified=False)), now).as_json()
    assert {"plan_id", "created_at", "model", "serving", "offers", "candidates", "rejected_by_reason"} <= set(document)
    assert {"context", "concurrency", "quantization", "engine", "engine_version", "hours", "disk_gb"} <= set(
        document["serving"]
    )
    assert {"source", "fetched_at", "age_s", "count", "complete"} <= set(document["offers"])
    candidate = document["candidates"][0]
    keys = (
        "rank provider offer_id machine_id gpu gpu_count tensor_parallel quantization usd_per_hour usd_once usd_total"
    )
    assert set(keys.split()) | {"memory", "reliability", "location"} <= set(candidate)
    assert set(candidate["usd_per_hour"]) == {"gpu", "disk", "total"}
    assert candidate["usd_per_hour"]["gpu"] == "1.2"
    assert document["offers"]["age_s"] == 60
    assert document["rejections"][0]["reasons"][0]["code"] == "unverified"
