"""Vast.ai's rows and their traps."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from cloudgpu.planning.offers.row import UnreadableRowError
from cloudgpu.planning.offers.vast import country_of, offer_from_vast, offers_from_vast, unsaid_notes

FIXTURE = Path(__file__).parent / "fixtures" / "vast_raw_offers.json"


def rows():
    return json.loads(FIXTURE.read_text(encoding="utf-8"), parse_float=Decimal)


def row(**changes):
    return {**rows()[0], **changes}


def test_the_price_is_that_of_the_gpus_alone_whatever_disk_the_total_was_made_for():
    assert offer_from_vast(row()).gpu_usd_per_hour == Decimal("0.32")


def test_a_row_with_only_a_total_gets_the_five_gigabytes_of_disk_taken_off():
    bare = row(dph_base=None, dph_total=Decimal("0.33"), storage_cost=Decimal("1.44"))
    assert offer_from_vast(bare).gpu_usd_per_hour == Decimal("0.32")


def test_memory_comes_from_the_row_and_not_from_the_name():
    modded = offer_from_vast(rows()[2])
    assert (modded.gpu, modded.gpu_memory_mib) == ("RTX 4090", 49140)


def test_one_name_for_two_sizes_is_told_apart_by_its_memory():
    assert offer_from_vast(rows()[6]).gpu == "A100 SXM4 40GB"
    assert offer_from_vast({**rows()[6], "gpu_ram": 81920}).gpu == "A100 SXM4 80GB"


def test_a_nonsense_capability_is_overruled_by_the_gpu_table():
    assert offer_from_vast(rows()[4]).compute_capability == "6.1"


@pytest.mark.parametrize(("said", "meant"), [(890, "8.9"), (1200, "12.0"), (86, "8.6"), (243, None), (None, None)])
def test_the_capability_of_an_unknown_card_is_read_in_both_spellings(said, meant):
    assert offer_from_vast(row(gpu_name="Frobnicator 9000", compute_cap=said)).compute_capability == meant


def test_a_driver_number_in_the_cuda_field_becomes_the_cuda_of_that_driver():
    assert offer_from_vast(rows()[2]).cuda_max == "13.0"
    assert offer_from_vast(row(cuda_max_good=Decimal("999.9"))).cuda_max is None


def test_the_slices_share_of_memory_and_disk_is_not_scaled_again():
    one, two = (offer_from_vast(each) for each in rows()[:2])
    assert two.host_ram_gb == pytest.approx(2 * one.host_ram_gb)
    assert two.disk_gb == pytest.approx(2 * one.disk_gb)
    assert one.host_ram_gb == pytest.approx(67.4, abs=0.1)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("Bács-Kiskun, HU, EU", "HU"),
        ("Türkiye, TR", "TR"),
        (", US", "US"),
        ("US", "US"),
        ("Hafnarfjarðarkaupstaður, IS, EU", "IS"),
        ("Sweden", None),
        (None, None),
    ],
)
def test_the_country_is_found_in_every_form_of_a_place(place, code):
    assert country_of(place) == code


def test_a_missing_port_count_means_no_open_port():
    assert offer_from_vast(row(direct_port_count=None)).open_ports == 0


@pytest.mark.parametrize(
    ("fields", "verified"),
    [
        ({"verification": "verified", "is_vm_deverified": True}, True),
        ({"verification": "deverified"}, False),
        ({"verification": None, "verified": True}, True),
        ({"verification": None, "vericode": 0}, False),
        ({"verification": None, "vericode": None}, None),
    ],
)
def test_only_the_hosts_own_verification_counts(fields, verified):
    assert offer_from_vast(row(**fields)).verified is verified


def test_every_skipped_row_is_counted_with_its_reason():
    offers, unreadable = offers_from_vast(rows())
    assert len(offers) == 7
    assert unreadable == {
        "dph_total is missing": 1,
        "storage_cost is missing": 1,
        "gpu_ram is absurd": 1,
        "dph_base is absurd": 1,
        "dph_base is no number": 1,
        "rented already": 1,
        "row is no object": 1,
    }
    assert len(offers) + sum(unreadable.values()) == len(rows())


def test_a_row_without_a_price_says_which_field_is_missing():
    with pytest.raises(UnreadableRowError) as caught:
        offer_from_vast(row(inet_down_cost=None))
    assert caught.value.reason == "inet_down_cost is missing"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("reliability2", value) for value in (5, -1, Decimal("1.01"), "often")),
        *((field, -1) for field in ("disk_space", "compute_cap", "inet_down", "duration", "cpu_ram", "cuda_max_good")),
        ("disk_space", "plenty"),
    ],
)
def test_a_row_with_an_absurd_figure_is_skipped_and_counted(field, value):
    offers, unreadable = offers_from_vast([row(**{field: value})])
    assert offers == ()
    assert unreadable in ({f"{field} is absurd": 1}, {f"{field} is no number": 1})


@pytest.mark.parametrize(("gpu", "memory_mib"), [("RTX 3090", 80000), ("RTX 4090", 98280), ("A100 SXM4", 400000)])
def test_a_card_with_more_memory_than_anybody_solders_on_is_skipped(gpu, memory_mib):
    assert offers_from_vast([row(gpu_name=gpu, gpu_ram=memory_mib)])[0] == ()


@pytest.mark.parametrize(("gpu", "memory_mib"), [("RTX 4090", 49140), ("RTX 2080 Ti", 22528), ("RTX 3080", 20480)])
def test_a_card_with_twice_its_memory_is_taken(gpu, memory_mib):
    assert offer_from_vast(row(gpu_name=gpu, gpu_ram=memory_mib)).gpu_memory_mib == memory_mib


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reliability2": None, "reliability": None}, "how reliable"),
        ({"verification": None, "verified": None, "vericode": None}, "verified"),
        ({"disk_space": None}, "how much disk"),
    ],
)
def test_what_a_row_does_not_say_passes_its_filter_and_is_said(fields, said):
    [note] = unsaid_notes([offer_from_vast(row()), offer_from_vast(row(**fields))])
    assert note.startswith("1 of 2 offers does not say")
    assert said in note


def test_a_market_that_says_everything_needs_no_note():
    assert unsaid_notes([offer_from_vast(row())]) == ()


def test_the_emulators_offers_carry_its_own_name():
    assert offer_from_vast(row(), "emulator").provider == "emulator"
