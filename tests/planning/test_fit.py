"""Every way to be refused, with the number that would have passed."""

from decimal import Decimal

import pytest

from cloudgpu.planning.fitting.reason import LABELS
from cloudgpu.planning.plan import make_plan, nearest_miss


@pytest.fixture
def judge(market, needs, now):
    """Plans with one offer and gives its refusals as {code: detail}."""

    def ask(offer, **changes):
        plan = make_plan(needs(**changes), market(offer), now)
        return {reason.code: reason.detail for rejection in plan.rejections for reason in rejection.reasons}

    return ask


def test_a_good_offer_is_refused_for_nothing(judge, offer):
    assert judge(offer()) == {}


@pytest.mark.parametrize(
    ("code", "bad", "asked", "said"),
    [
        ("provider", {}, {"providers": ("runpod",)}, "runpod"),
        ("gpu", {}, {"gpu": "RTX 4090"}, "RTX 4090"),
        ("gpu_count", {}, {"gpu_count": 2}, "asked for 2"),
        ("region", {}, {"regions": ("DE",)}, "Sweden"),
        ("region", {"location": None, "country": None}, {"regions": ("DE",)}, "unnamed place"),
        ("unverified", {"verified": False}, {}, "not verified"),
        ("reliability", {"reliability": 0.89}, {}, "0.9 asked for"),
        ("interruptible", {"interruptible": True}, {}, "bid"),
        ("open_ports", {"open_ports": 0}, {}, "needs 1"),
        ("rental_time", {"rentable_s": 6.7 * 3600}, {}, "--hours 6.7 would pass"),
        ("network", {"download_mbps": 41.0}, {}, "100 Mbit/s needed"),
        ("network", {"download_mbps": 0.0}, {}, "100 Mbit/s needed"),
        ("disk", {"disk_gb": 11.0}, {}, "GB needed"),
        ("host_ram", {"host_ram_gb": 4.0}, {}, "12 GB needed"),
        ("cuda", {"cuda_max": "12.8"}, {}, "13.0"),
        ("gpu_unknown", {"gpu": "Frobnicator 9000"}, {}, "Frobnicator"),
        ("gpu_unsuitable", {"gpu": "CMP 170HX", "gpu_memory_mib": 65536}, {}, "mining"),
        ("gpu_vendor", {"gpu": "Instinct MI300X", "gpu_memory_mib": 196608}, {}, "AMD"),
        ("capability", {"gpu": "V100 SXM2 32GB", "gpu_memory_mib": 32768}, {}, "8.0"),
        ("layout", {"gpu_count": 3}, {}, "3"),
        ("memory", {"gpu": "RTX 4090", "gpu_memory_mib": 24564}, {}, "usable"),
        ("kv_cache", {"gpu": "RTX A6000", "gpu_memory_mib": 49140}, {"options": {"concurrency": 64}}, "needed"),
        ("crowded", {"gpu": "RTX 3080", "gpu_memory_mib": 10240, "gpu_count": 2}, {"model": "qwen3-8b"}, "CUDA graphs"),
        ("price", {}, {"max_usd_per_hour": Decimal("1.20")}, "--max-price 1.22 would pass"),
    ],
)
def test_a_refusal_names_what_would_have_passed(judge, offer, code, bad, asked, said):
    found = judge(offer(**bad), **asked)
    assert code in found
    assert said in found[code]
    assert code in LABELS


@pytest.mark.parametrize(
    "unsaid",
    ["reliability", "verified", "open_ports", "rentable_s", "download_mbps", "disk_gb", "host_ram_gb", "cuda_max"],
)
def test_what_a_source_does_not_say_is_no_refusal(judge, offer, unsaid):
    assert judge(offer(**{unsaid: None})) == {}


def test_an_offer_that_fails_twice_says_both(judge, offer):
    assert set(judge(offer(verified=False, disk_gb=5.0))) == {"unverified", "disk"}


def test_the_cap_is_on_the_price_with_disk(judge, offer):
    assert judge(offer(), max_usd_per_hour=Decimal("1.2152")) == {
        "price": judge(offer(), max_usd_per_hour=Decimal("1.2152"))["price"]
    }
    assert judge(offer(), max_usd_per_hour=Decimal("1.25")) == {}


@pytest.mark.parametrize("region", ["SE", "se", "EU", "eu", "sweden"])
def test_a_region_is_a_country_the_union_or_a_part_of_the_name(judge, offer, region):
    assert judge(offer(), regions=(region,)) == {}


def test_the_nearest_miss_lacks_least(market, needs, offer, now):
    near = offer(offer_id="near", machine_id="a", disk_gb=55.0)
    far = offer(offer_id="far", machine_id="b", disk_gb=5.0)
    twice = offer(offer_id="twice", machine_id="c", disk_gb=55.0, verified=False)
    plan = make_plan(needs(), market(twice, far, near), now)
    assert nearest_miss(plan).offer_id == "near"


def test_unverified_hosts_and_bids_are_taken_when_asked_for(judge, offer):
    assert judge(offer(verified=False, interruptible=True), verified_only=False, interruptible=True) == {}
