"""The first candidate is the true optimum: a brute force that shares no code with the ranking says so.

The generated markets are as odd as the real one: nulls, slices of one machine, modded and mining cards, bogus
versions, absurd bids, hosts that leave in an hour, prices of zero and below, names in any script; and RunPod's types
beside them, with the prices of clouds that do not have them.
"""

import math
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import UsageError
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers.offer import Market, OfferSource
from cloudgpu.planning.offers.runpod import offers_from_runpod
from cloudgpu.planning.offers.vast import offers_from_vast
from cloudgpu.planning.plan import make_plan
from cloudgpu.sizing.gpus import match_gpu
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

from .conftest import NOW

CARDS = (
    ("RTX 4090", 24564), ("RTX 4090", 49140), ("RTX 3090", 24576), ("A100 SXM4", 81920), ("A100 SXM4", 40960),
    ("L40S", 46068), ("H100 SXM", 81559), ("RTX 2080 Ti", 22528), ("Tesla V100", 32768), ("CMP 170HX", 65536),
    ("RTX 5090", 32607), ("Frobnicator", 99999), ("RTX A6000", 49140), ("RTX 3060", 12288), ("RTX 3080", 10240),
    ("RTX 3080", 20480), ("A40", 46068), ("L4", 23034), ("A10", 23028), ("RTX 4080S", 32760), ("Quadro P4000", 8192),
    ("GH200 SXM", 97871), ("B200", 183359),
)  # fmt: skip
GOOD = {
    "verification": "verified", "rentable": True, "rented": False, "cuda_max_good": 13.0, "num_gpus": 1,
    "storage_cost": Decimal("0.2"), "inet_down_cost": Decimal("0.01"), "inet_up_cost": Decimal("0.01"),
    "inet_down": 800.0, "disk_space": 500.0, "cpu_ram": 128_000, "reliability2": 0.99, "direct_port_count": 20,
    "duration": 3e6, "disk_bw": 900.0,
}  # fmt: skip
ODD = {
    "verification": st.sampled_from(("verified", "unverified", "deverified", None, 7)),
    "rentable": st.sampled_from((True, False, None)),
    "rented": st.sampled_from((False, True, None)),
    "cuda_max_good": st.sampled_from((None, 12.4, 12.8, 13, 580.2, "13.0", -1)),
    "num_gpus": st.sampled_from((1, 2, 3, 4, 5, 8, 0, None)),
    "storage_cost": st.sampled_from((Decimal("0.067"), Decimal("0.93"), None, Decimal(-1))),
    "inet_down_cost": st.sampled_from((Decimal(0), Decimal("0.039"), None, "free")),
    "inet_down": st.sampled_from((None, 0, 41.0, 256, 8632.5)),
    "disk_space": st.sampled_from((None, 11.0, 60.0, 3481)),
    "cpu_ram": st.sampled_from((None, 9000, 12_000, 1_032_000)),
    "reliability2": st.sampled_from((None, 0.64, 0.9, 0.999, 2.5)),
    "direct_port_count": st.sampled_from((None, 0, 1, 500)),
    "duration": st.sampled_from((None, 1000.0, 24 * 3600, 24 * 3600 - 1, 4e7)),
    "disk_bw": st.sampled_from((None, 0, 120.0, 5000.0)),
    "geolocation": st.sampled_from((None, "", "Türkiye, TR", ", US", "Hafnarfjarðarkaupstaður, IS, EU", "東京, JP")),
    "is_bid": st.sampled_from((None, True, False)),
    "compute_cap": st.sampled_from((None, 243, 140, 890, 1200, 0)),
    "cpu_cores": st.none(),
    "gpu_mem_bw": st.sampled_from((None, 0, 893.1, 1e9)),
    "pcie_bw": st.sampled_from((None, 0, 0.8, 25.2, 1e9)),
    "gpu_name": st.sampled_from((None, "", "RTX_4090", "A100 SXM4", "レンダー")),
    "dph_total": st.sampled_from((None, Decimal("0.001"), Decimal("0.9"))),
    "min_bid": st.sampled_from((None, 0, Decimal("0.05"), Decimal(9))),
    "dph_base": st.sampled_from((Decimal(0), Decimal(-1), None, "0.4", Decimal("0.25"))),
}


@st.composite
def rows(draw):
    gpu, memory_mib = draw(st.sampled_from(CARDS))
    number = draw(st.integers(1, 10**7))
    price = draw(st.decimals(min_value=Decimal("0.05"), max_value=3, places=3))
    row = {**GOOD, "id": number, "machine_id": draw(st.none() | st.integers(1, 4)), "gpu_name": gpu,
           "gpu_ram": memory_mib, "dph_base": price}  # fmt: skip
    for field in draw(st.lists(st.sampled_from(sorted(ODD)), max_size=2, unique=True)):
        row[field] = draw(ODD[field])
    return row


@st.composite
def types(draw):
    """A type of RunPod's: a cloud that lacks it states 0, a stale price or half a dollar all the same."""
    gpu = draw(st.sampled_from(("NVIDIA A40", "NVIDIA H100 80GB HBM3", "NVIDIA RTX A5000", "NVIDIA B200", "unknown")))
    price = st.sampled_from((Decimal(0), Decimal("0.5"), Decimal("0.22"), Decimal("3.99"), None))
    return {
        "id": gpu, "memoryInGb": {"NVIDIA A40": 48, "NVIDIA RTX A5000": 24, "NVIDIA B200": 180}.get(gpu, 80),
        "secureCloud": draw(st.booleans()), "communityCloud": draw(st.booleans()), "securePrice": draw(price),
        "communityPrice": draw(price), "maxGpuCount": draw(st.sampled_from((None, 1, 2, 8))),
        "lowestPrice": draw(st.sampled_from(({"stockStatus": None}, {"stockStatus": "Low"}, None))),
    }  # fmt: skip


MARKETS = st.lists(rows(), max_size=14)
TYPES = st.lists(types(), max_size=3, unique_by=lambda row: row["id"])
MODELS = st.sampled_from(("qwen-14b", "mistral", "Qwen/Qwen2.5-14B-Instruct-AWQ"))
SOME = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
THOUSANDS = settings(max_examples=4000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def plan_of(found, model, runpod=(), **changes):
    offers, unreadable = offers_from_vast(found)
    offers += offers_from_runpod(runpod)[0]
    market = Market(
        offers=offers, source=OfferSource.LIVE, origin="a test", fetched_at=NOW, complete=True, unreadable=unreadable
    )
    return make_plan(Needs(model=resolve_model(model), options=ServingOptions(), **changes), market, NOW), offers


def brute_price(offer, plan):
    """All-in dollars, written out anew: hours, download, and the minutes that bill before the first answer."""
    weights_gb = plan.download_gb - 11.0
    per_gb_s = 8000 / (0.7 * min(1000.0, max(1.0, 1000.0 if offer.download_mbps is None else offer.download_mbps)))
    disk_rate = 1.0 if not offer.disk_mb_per_s else min(1.5, max(0.1, offer.disk_mb_per_s / 1000))
    total_s = round(weights_gb * per_gb_s) + round(weights_gb / disk_rate) + 180 + round(11.0 * per_gb_s)
    billed_s = total_s - (round(11.0 * per_gb_s) if offer.provider == "vast" else 0)
    gpu, disk = offer.gpu_usd_per_hour, offer.storage_usd_per_gb_month * plan.disk_gb / 720
    ready = (gpu * billed_s + disk * total_s) / 3600
    return (gpu + disk) * plan.needs.hours + offer.download_usd_per_gb * Decimal(repr(plan.download_gb)) + ready


def brute_fits(offer, plan):
    """Whether it serves, written out anew."""
    gpu, needs = match_gpu(offer.gpu, offer.gpu_memory_mib), plan.needs
    if gpu is None or gpu.vendor != "NVIDIA" or offer.gpu.startswith("CMP"):
        return False
    host = (
        not offer.interruptible,
        offer.verified is not False,
        offer.reliability is None or offer.reliability >= 0.9,
        offer.open_ports is None or offer.open_ports >= 1,
        offer.rentable_s is None or offer.rentable_s >= 24 * 3600,
        offer.download_mbps is None or offer.download_mbps >= 100,
        offer.disk_gb is None or offer.disk_gb >= plan.disk_gb,
        offer.host_ram_gb is None or offer.host_ram_gb >= 8 + 4 * offer.gpu_count,
        offer.cuda_max is None or tuple(map(int, offer.cuda_max.split("."))) >= (13, 0),
        math.isfinite(offer.gpu_usd_per_hour) and offer.gpu_usd_per_hour > 0,
    )
    if not all(host):
        return False
    awq = needs.model.quantization == "awq"
    least = (7, 5) if awq else (8, 0)
    if tuple(map(int, gpu.compute_capability.split("."))) < least:
        return False
    return brute_starts(needs.model.model_id, offer.gpu, offer.gpu_memory_mib, offer.gpu_count)


@cache
def brute_starts(model_id, gpu_name, memory_mib, gpu_count):
    """Whether the engine starts and holds one request with any share of the card up to its default."""
    model, gpu = resolve_model(model_id), match_gpu(gpu_name, memory_mib)
    for hundredths in range(92, 40, -1):
        options = ServingOptions(tensor_parallel=gpu_count, gpu_memory_utilization=hundredths / 100)
        try:
            found = estimate(model, gpu, options)
        except UsageError:
            return False
        if found.starts and found.kv_cache_gib >= found.kv_needed_gib and found.used_gib <= found.total_gib:
            return True
    return False


@SOME
@given(MARKETS, TYPES, MODELS)
def test_the_first_candidate_is_the_cheapest_valid_offer_of_the_market(found, runpod, model):
    check_the_optimum(found, runpod, model)


@pytest.mark.slow
@THOUSANDS
@given(MARKETS, TYPES, MODELS)
def test_the_first_candidate_is_the_cheapest_valid_one_of_thousands_of_markets(found, runpod, model):
    check_the_optimum(found, runpod, model)


def check_the_optimum(found, runpod, model):
    plan, offers = plan_of(found, model, runpod)
    prices = sorted(brute_price(offer, plan) for offer in offers if brute_fits(offer, plan))
    if not prices:
        assert plan.candidates == ()
        return
    assert abs(plan.candidates[0].usd_total - prices[0]) < Decimal("1e-10")
    accepted = {candidate.offer.offer_id for candidate in plan.candidates}
    accepted |= {piece.offer_id for candidate in plan.candidates for piece in candidate.other_slices}
    assert accepted == {offer.offer_id for offer in offers if brute_fits(offer, plan)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MARKETS, st.sampled_from(Objective))
def test_every_objective_ranks_the_same_offers_by_its_own_measure(found, objective):
    plan, _ = plan_of(found, "qwen-14b", objective=objective)
    measure = {
        Objective.PRICE: lambda each: each.usd_total,
        Objective.COST_PER_TOKEN: lambda each: each.usd_per_million_output_tokens or Decimal("1e9"),
        Objective.TIME_TO_READY: lambda each: each.readiness.total_s,
        Objective.RELIABILITY: lambda each: -(each.offer.reliability or 0.0),
    }[objective]
    values = [measure(each) for each in plan.candidates]
    assert values == sorted(values)
    assert len(plan.candidates) <= plan.machines


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MARKETS)
def test_nothing_among_the_offers_worth_their_price_is_beaten_in_all_respects(found):
    plan, _ = plan_of(found, "qwen-14b")
    assert bool(plan.worth) == bool(plan.candidates)
    if plan.worth:
        assert plan.worth[0].usd_total == plan.candidates[0].usd_total
        totals = [each.usd_total for each in plan.worth]
        assert totals == sorted(totals)


@pytest.mark.parametrize("price", [Decimal(0), Decimal(-1)])
def test_a_price_of_nothing_is_no_offer(price):
    row = {**GOOD, "id": 1, "machine_id": 1, "gpu_name": "H100 SXM", "gpu_ram": 81559, "dph_base": price}
    plan, offers = plan_of([row], "qwen-14b")
    assert offers == ()
    assert plan.offers.unreadable == {"dph_base is absurd": 1}
