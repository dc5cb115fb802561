"""Markets of files and of the reference figures."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import BadFileError
from cloudgpu.planning.market import merge, read_offers_file, reference_market
from cloudgpu.planning.offers.aggregate import quartile, reference_rows
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.sizing.gpus import match_gpu

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def write(tmp_path, text):
    path = tmp_path / "offers.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_reference_figures_are_those_of_both_providers_and_all_rows_are_readable():
    found = reference_market()
    assert {offer.provider for offer in found.offers} == {"vast", "runpod"}
    assert found.unreadable == {}
    assert found.source is OfferSource.REFERENCE
    assert len({offer.offer_id for offer in found.offers}) == len(found.offers)


def test_every_reference_row_names_a_gpu_of_the_catalogue():
    unknown = {o.gpu for o in reference_market().offers if match_gpu(o.gpu, o.gpu_memory_mib) is None}
    assert unknown == set()


def test_no_reference_figure_is_a_placeholder_or_a_mining_card():
    found = reference_market().offers
    assert not any("CMP" in offer.gpu for offer in found)
    assert all(offer.gpu_usd_per_hour > 5 for offer in found if offer.gpu == "B200" and offer.provider == "runpod")


def test_one_providers_reference_figures_can_be_had_alone():
    assert {offer.provider for offer in reference_market(("runpod",)).offers} == {"runpod"}
    assert reference_market(("emulator",)).offers == ()


@pytest.mark.parametrize(
    ("fixture", "provider"),
    [("vast_raw_offers.json", "vast"), ("runpod_graphql.json", "runpod"), ("runpod_v2_catalog.json", "runpod")],
)
def test_a_raw_answer_of_a_provider_is_recognised_by_its_shape(fixture, provider):
    found = read_offers_file(FIXTURES / fixture, NOW)
    assert {offer.provider for offer in found.offers} == {provider}
    assert found.source is OfferSource.FILE
    assert found.unreadable


def test_an_answer_wrapped_in_an_object_reads_like_the_bare_list(tmp_path):
    rows = (FIXTURES / "vast_raw_offers.json").read_text(encoding="utf-8")
    wrapped = read_offers_file(write(tmp_path, f'{{"offers": {rows}}}'), NOW)
    assert wrapped.offers == read_offers_file(FIXTURES / "vast_raw_offers.json", NOW).offers


def test_our_own_format_is_read_and_broken_lines_are_counted(tmp_path):
    header = {
        "format": "cloudgpu-offers", "version": 1, "provider": "vast", "date": "2026-08-17T08:40:24Z",
        "source": "invented",
        "typical": {"storage_usd_per_gb_month": "0.2", "download_usd_per_gb": "0.01", "upload_usd_per_gb": "0.01"},
    }  # fmt: skip
    row = {"gpu": "RTX 4090", "memory_mib": 24564, "gpu_count": 1, "usd_low_quartile": "0.31"}
    lines = [json.dumps(header), json.dumps(row), "{broken", json.dumps({**row, "usd_low_quartile": None})]
    found = read_offers_file(write(tmp_path, "\n".join(lines)), NOW)
    assert [offer.gpu_usd_per_hour for offer in found.offers] == [Decimal("0.31")]
    assert found.unreadable == {"row is no object": 1, "usd_low_quartile is missing": 1}
    assert found.fetched_at == datetime(2026, 8, 17, 8, 40, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON (line 1"),
        ("gpu,price\n", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "holds no offer"),
        ("{}", "no list of offers"),
        ("3", "no list of offers"),
        ('[{"name": "Ada"}]', "no list of offers"),
        ('["a", "b"]', "no list of offers"),
        ('{"error": true, "msg": "invalid api key"}', "invalid api key"),
        ('{"errors": [{"message": "gone"}]}', "gone"),
        ('[{"gpu_name": "RTX 4090"}]', "gpu_ram is missing (1)"),
        ('[{"gpu_name": "RTX 4090", "gpu_ram": NaN}]', "gpu_ram is missing (1)"),
        ('{"format": "cloudgpu-offers", "version": 7}\n{}', "version 7 is not 1"),
    ],
)
def test_a_file_that_holds_no_offers_ends_in_one_clear_sentence(tmp_path, text, said):
    with pytest.raises(BadFileError) as caught:
        read_offers_file(write(tmp_path, text), NOW)
    assert said in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_there_or_no_text_is_a_bad_file(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x80")
    for name in ("missing", "binary", "."):
        with pytest.raises(BadFileError):
            read_offers_file(tmp_path / name, NOW)


def test_exactly_as_many_rows_as_a_keyless_answer_are_said_to_be_cut_short(tmp_path):
    row = json.loads((FIXTURES / "vast_raw_offers.json").read_text(encoding="utf-8"))[0]
    rows = [{**row, "id": number, "ask_contract_id": number} for number in range(64)]
    whole = read_offers_file(write(tmp_path, json.dumps(rows[:63])), NOW)
    cut = read_offers_file(write(tmp_path, json.dumps(rows)), NOW)
    assert whole.complete
    assert not cut.complete
    assert "64" in cut.notes[0]


def test_merged_markets_are_as_old_as_the_oldest_and_complete_when_all_are(market, offer):
    old = market(
        offer(), fetched_at=datetime(2026, 11, 1, tzinfo=UTC), complete=False, unreadable={"x": 1}, notes=("a",)
    )
    new = market(offer(offer_id="2"), unreadable={"x": 2}, notes=("a", "b"))
    both = merge([new, old])
    assert (both.fetched_at, both.complete, both.unreadable) == (old.fetched_at, False, {"x": 3})
    assert [each.offer_id for each in both.offers] == ["2", "1"]
    assert both.notes == ("a", "b")


def test_money_in_a_file_is_exact(tmp_path):
    found = read_offers_file(FIXTURES / "vast_raw_offers.json", NOW)
    assert Decimal("0.6933333333333334") in {offer.gpu_usd_per_hour for offer in found.offers}


def test_figures_made_of_offers_read_back_as_offers(tmp_path, market, offer):
    many = [offer(offer_id=str(cents), gpu_usd_per_hour=Decimal(cents) / 100) for cents in (100, 110, 120, 130, 200)]
    alone = offer(offer_id="x", gpu="RTX 4090", gpu_memory_mib=24564)
    rows = reference_rows(market(*many, alone), "vast")
    found = read_offers_file(write(tmp_path, "\n".join(map(json.dumps, rows))), NOW)
    assert [(each.gpu, each.gpu_usd_per_hour) for each in found.offers] == [("A100 SXM4 80GB", Decimal("1.1"))]
    assert rows[1]["n"] == 5
    assert rows[1]["usd_median"] == "1.2"


@given(st.lists(st.decimals(min_value=0, max_value=100, places=3), min_size=1))
def test_a_quartile_lies_between_the_smallest_and_the_median(amounts):
    assert min(amounts) <= quartile(amounts, Decimal("0.25")) <= quartile(amounts, Decimal("0.5")) <= max(amounts)
