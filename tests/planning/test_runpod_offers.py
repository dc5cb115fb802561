"""RunPod's catalogue and its placeholders."""

import json
from decimal import Decimal
from pathlib import Path

from cloudgpu.planning.offers.runpod import catalogue_offers, offers_from_runpod

FIXTURES = Path(__file__).parent / "fixtures"


def graphql_types():
    document = json.loads((FIXTURES / "runpod_graphql.json").read_text(encoding="utf-8"), parse_float=Decimal)
    return document["data"]["gpuTypes"]


def v2_types():
    document = json.loads((FIXTURES / "runpod_v2_catalog.json").read_text(encoding="utf-8"), parse_float=Decimal)
    return document["gpus"]


def of(offers, gpu):
    return [offer for offer in offers if offer.gpu == gpu]


def test_a_price_counts_only_in_a_cloud_that_has_the_type():
    offers, skipped = offers_from_runpod(graphql_types())
    assert {offer.location for offer in of(offers, "B200")} == {"secure cloud"}
    assert min(offer.gpu_usd_per_hour for offer in of(offers, "B200")) == Decimal("6.39")
    assert skipped["community cloud does not have the type"] == 4


def test_a_type_is_offered_in_powers_of_two_up_to_its_maximum_at_list_price_times_count():
    offers, _ = offers_from_runpod(graphql_types())
    secure = [offer for offer in of(offers, "RTX 4090") if offer.location == "secure cloud"]
    assert [(offer.gpu_count, offer.gpu_usd_per_hour) for offer in secure] == [
        (1, Decimal("0.69")),
        (2, Decimal("1.38")),
        (4, Decimal("2.76")),
        (8, Decimal("5.52")),
    ]


def test_a_type_without_stock_is_skipped_and_counted():
    for types in (graphql_types(), v2_types()):
        offers, skipped = offers_from_runpod(types)
        assert skipped["out of stock"] == 1
        assert not of(offers, "A30")
        assert not of(offers, "L4")


def test_a_mig_slice_is_not_taken_for_the_full_card_whose_name_it_contains():
    offers, _ = offers_from_runpod(graphql_types())
    mig = next(offer for offer in offers if "MIG" in offer.offer_id)
    assert mig.gpu == "RTX PRO 6000 MIG 1g.24gb"
    assert mig.gpu_memory_mib < 25_000


def test_the_sentinel_type_unknown_is_dropped():
    offers, skipped = offers_from_runpod(graphql_types())
    assert not any("unknown" in offer.offer_id for offer in offers)
    assert skipped["type is unknown"] == 2


def test_the_rest_catalogue_reads_like_the_graphql_one():
    offers, _ = offers_from_runpod(v2_types())
    assert [(offer.gpu, offer.gpu_count, offer.gpu_usd_per_hour) for offer in offers] == [
        ("A40", 1, Decimal("0.44")),
        ("A40", 2, Decimal("0.88")),
        ("A40", 4, Decimal("1.76")),
        ("A40", 8, Decimal("3.52")),
    ]


def test_runpod_charges_no_traffic_and_its_container_disk_by_the_month():
    offers, _ = offers_from_runpod(v2_types())
    assert {(offer.download_usd_per_gb, offer.storage_usd_per_gb_month) for offer in offers} == {
        (Decimal(0), Decimal("0.10"))
    }


def test_how_much_is_in_stock_is_told_with_the_offer():
    row = {**next(row for row in v2_types() if row["id"] == "NVIDIA A40"), "availability": "LOW"}
    assert {offer.stock for offer in offers_from_runpod([row])[0]} == {"low"}
    placed = {
        **row,
        "dataCenters": [{"id": "EU-RO-1", "availability": "HIGH"}, {"id": "US-TX-3", "availability": None}],
    }
    [offer] = catalogue_offers([placed], "secure", 1, by_place=True)[0]
    assert (offer.country, offer.stock) == ("RO", "high")
