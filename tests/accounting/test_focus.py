"""The FOCUS 1.2 export: its arithmetic, its dates, its nulls, and that it counts no dollar twice."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from lifetimes import NOON, a_rental, at, charged, created, event, intended, observed

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.focus import focus_text, metadata_text
from cloudgpu.accounting.exports.focus.columns import COLUMNS, DECIMALS, MANDATORY, OURS, TIMES
from cloudgpu.accounting.exports.focus.usage import usage_row
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.life import lives

MAY_BE_NULL = {"BillingAccountName", "ChargeClass", "ChargeDescription"}


def book():
    bill = charged(
        at(200), ("gpu", at(6), at(150), "0.864000000001"), ("disk", at(), at(150), "0.045"),
        ("download", at(1), at(5), "0.07"), ("upload", at(1), at(150), "0.0000012"),
    )  # fmt: skip
    paid = event("top_up", at(-60), {"usd": "25", "note": "card"}, token=None, deployment=None)
    back = event("top_up", at(300), {"usd": "-3.5", "note": ""}, token=None, deployment=None)
    return open_book(read_history([paid, *a_rental(hours=2.5), bill, back]), NOON + timedelta(days=1))


@pytest.fixture(scope="module")
def rows():
    return list(csv.DictReader(io.StringIO(focus_text(book()))))


def amount(rows, column):
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def test_all_21_columns_that_version_1_2_asks_for_are_there_and_ours_come_last(rows):
    assert len(MANDATORY) == 21
    assert set(MANDATORY) <= set(rows[0])
    assert tuple(rows[0])[-len(OURS) :] == OURS
    assert all(name.startswith("x_") for name in OURS)
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_effective_cost_is_what_was_used_and_billed_cost_what_was_paid(rows):
    assert amount(rows, "EffectiveCost") == book().report.total.total_usd
    assert amount(rows, "BilledCost") == Decimal("21.5")
    assert all(Decimal(row["BilledCost"]) == 0 for row in rows if row["ChargeCategory"] == "Usage")


def test_list_cost_is_unit_price_times_quantity(rows):
    for row in rows:
        assert row["ListCost"] == row["ContractedCost"]
        if row["ChargeCategory"] == "Credit":
            continue  # a unit price is never negative, so a refund has none
        product = Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
        assert abs(product - Decimal(row["ListCost"])) <= Decimal("1e-12")


def test_rows_of_one_sku_at_one_price_have_one_unit_price_the_one_that_was_seen():
    three_cards = [intended(NOON, count=3), created(at(1)), observed(at(6), gpu="0.1"), event("gone", at(167))]
    rented = open_book(read_history(three_cards), NOON + timedelta(days=1))
    rows = csv.DictReader(io.StringIO(focus_text(rented)))
    prices = [row["ListUnitPrice"] for row in rows if row["SkuMeter"] == "GPU time"]
    assert len(prices) > 2
    assert set(prices) == {"0.033333333333"}


@pytest.mark.parametrize(
    ("location", "region"),
    [("Japan, JP", "JP"), ("JP", "JP"), ("EU-RO-1", "EU-RO-1"), ("secure cloud", ""), (None, "")],
)
def test_a_region_has_an_id_and_a_name_or_neither(location, region):
    (life,) = lives(a_rental())
    charge = fold(a_rental(), NOON + timedelta(days=1))[0]
    row = usage_row(charge, replace(life, location=location))
    assert (row["RegionId"] or "", row["RegionName"] or "") == (region, location if region else "")


def test_usage_costs_what_its_quantity_and_price_come_to(rows):
    for row in rows:
        if row["ChargeCategory"] == "Usage" and Decimal(row["PricingQuantity"]):
            assert abs(Decimal(row["ListCost"]) - Decimal(row["EffectiveCost"])) <= Decimal("1e-9")


def test_times_are_utc_to_the_second_and_each_period_holds_its_charge(rows):
    for row in rows:
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[name]) for name in TIMES)
        moment = {name: datetime.fromisoformat(row[name]) for name in TIMES}
        assert moment["ChargePeriodEnd"] - moment["ChargePeriodStart"] == timedelta(hours=1)
        assert moment["BillingPeriodStart"] <= moment["ChargePeriodStart"] < moment["BillingPeriodEnd"]
        assert moment["BillingPeriodStart"].day == moment["BillingPeriodEnd"].day == 1


def test_numbers_are_plain_decimals_with_a_point_so_that_no_reader_takes_them_for_whole_numbers(rows):
    for row in rows:
        assert all(re.fullmatch(r"-?\d+\.\d+", row[name]) for name in DECIMALS if row[name])


def test_null_is_an_empty_cell_and_only_where_it_may_be(rows):
    for row in rows:
        unpriced = {"PricingQuantity", "PricingUnit"} if row["ChargeCategory"] == "Credit" else set()
        assert not {name for name in MANDATORY if not row[name]} - MAY_BE_NULL - unpriced
        assert not [value for value in row.values() if value in ("N/A", "null", "None")]


def test_categories_services_and_currencies_are_of_the_closed_lists(rows):
    assert {row["ChargeCategory"] for row in rows} == {"Usage", "Purchase", "Credit"}
    assert {row["BillingCurrency"] for row in rows} == {"USD"}
    services = {(row["ServiceName"], row["ServiceCategory"]) for row in rows}
    assert len({name for name, _ in services}) == len(services)
    assert all(row["ChargeFrequency"] != "Usage-Based" for row in rows if row["ChargeCategory"] == "Purchase")


def test_tags_and_price_details_are_flat_json_objects(rows):
    for row in rows:
        for name in ("Tags", "SkuPriceDetails"):
            values = json.loads(row[name]) if row[name] else {}
            assert not [v for v in values.values() if isinstance(v, dict | list)]


def test_the_names_of_later_versions_stand_beside_the_old_ones(rows):
    assert all(row["ServiceProviderName"] == row["ProviderName"] for row in rows)
    assert all(row["HostProviderName"] for row in rows)


def test_the_metadata_defines_every_column_with_its_precision():
    schema = json.loads(metadata_text("costs.csv", at(0)))["Schema"]
    assert [each["ColumnName"] for each in schema["ColumnDefinition"]] == list(COLUMNS)
    scales = {each["ColumnName"]: each.get("NumericScale") for each in schema["ColumnDefinition"]}
    assert all(scales[name] == 12 for name in DECIMALS)
