"""Files of the ledger: exact, complete and harmless."""

import csv
import io
import json
from decimal import Decimal

import pytest
from lifetimes import a_rental, at, charged, created, intended, observed

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.csv import csv_text
from cloudgpu.accounting.exports.focus import focus_text
from cloudgpu.accounting.exports.html import html_text
from cloudgpu.accounting.exports.json import json_text
from cloudgpu.accounting.exports.markdown import markdown_text
from cloudgpu.accounting.exports.rows import NUMBERS, hour_rows
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.ledger import fold


def charges():
    bill = charged(
        at(151), ("gpu", at(6), at(150), "0.864000000001"), ("disk", at(), at(150), "0.045"),
        ("download", at(1), at(5), "0.0000000000012345"),
    )  # fmt: skip
    return fold([*a_rental(hours=2.5), bill], at(10_000))


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_there_is_one_row_per_hour_and_it_says_whose_word_it_is():
    rows = read_csv(csv_text(hour_rows(charges())))
    assert [row["hour"] for row in rows] == ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"]
    assert [row["hours"] for row in rows] == ["0.9", "1", "0.5"]
    assert {row["source"] for row in rows} == {"provider"}
    assert rows[0]["deployment"] == "mistral"


def test_the_csv_sums_up_to_the_bill_to_the_last_digit():
    rows = read_csv(csv_text(hour_rows(charges())))
    assert sum(Decimal(row["total_usd"]) for row in rows) == Decimal("0.9090000000022345")
    for row in rows:
        parts = [name for name in NUMBERS if name not in ("hours", "total_usd")]
        assert sum(Decimal(row[part]) for part in parts) == Decimal(row["total_usd"])


def test_the_json_says_the_same_as_the_csv_and_carries_its_totals():
    document = json.loads(json_text(hour_rows(charges()), at(10_000)))
    assert document["schema_version"] == 1
    read = [{name: text or None for name, text in row.items()} for row in read_csv(csv_text(hour_rows(charges())))]
    assert document["rows"] == read
    assert document["totals"]["total_usd"] == "0.9090000000022345"


def test_no_amount_is_written_with_an_exponent():
    assert "E" not in "".join(row["download_usd"] for row in read_csv(csv_text(hour_rows(charges()))))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "\r=1"])
def test_a_name_cannot_run_as_a_formula_in_a_spreadsheet(name):
    rows = hour_rows(fold(a_rental(deployment=name), at(10_000)))
    assert read_csv(csv_text(rows))[0]["deployment"].startswith("'")


@pytest.mark.parametrize("name", ['a,"b"', "x\ny", "qwen;drop"])
def test_names_with_separators_come_back_as_they_were(name):
    rows = hour_rows(fold(a_rental(deployment=name), at(10_000)))
    assert read_csv(csv_text(rows))[0]["deployment"] == name


def test_an_hour_in_which_only_the_disk_was_paid_has_no_gpu_hours():
    loading = a_rental()[:2]
    (row,) = hour_rows(fold(loading, at(30)))
    assert (row.hours, row.gpu_usd) == (0, 0)
    assert row.disk_usd > 0


def test_two_instances_of_one_name_have_rows_of_their_own():
    rows = hour_rows(fold([*a_rental(hours=0.2), *a_rental(start=at(20), hours=0.2, token="t-2")], at(60)))
    assert len(rows) == 2


def test_a_disk_that_the_bill_sums_up_says_whose_word_its_stopped_part_is():
    stopped = observed(at(90), gpu_billing=False, state="stopped")
    bill = charged(at(200), ("gpu", at(6), at(90), "0.504"), ("disk", at(), at(180), "0.054"))
    book = open_book(read_history([*a_rental()[:4], stopped, bill]), at(180))
    rows = read_csv(csv_text(book.rows))
    told = [(row["disk_usd"], row["disk_stopped_usd"], row["source"], row["disk_split_source"]) for row in rows]
    assert told == [
        ("0.018", "0", "provider", ""),
        ("0.009", "0.009", "provider", "metered"),
        ("0", "0.018", "provider", "metered"),
    ]
    focus = list(csv.DictReader(io.StringIO(focus_text(book))))
    assert {(row["SkuMeter"], row["x_Source"], row["x_DiskSplitSource"]) for row in focus} == {
        ("GPU time", "provider_open", ""), ("Disk running", "provider_open", ""),
        ("Disk stopped", "provider_open", "metered"),
    }  # fmt: skip
    for text in (markdown_text(book), html_text(book)):
        assert "is our word: the bills do not say" in text


def test_an_empty_ledger_is_a_header_and_a_total_of_zero():
    assert csv_text(hour_rows([])).startswith("deployment,provider,instance_id,model,gpu,hour,hours,gpu_usd,disk_usd")
    assert json.loads(json_text((), at()))["totals"]["total_usd"] == "0"


def test_an_intent_alone_has_no_row():
    assert hour_rows(fold([intended(at())], at(60))) == ()


def test_hours_of_a_machine_are_called_that_and_hours_of_its_cards_are_called_those_of_gpus():
    events = [intended(at(), count=2), created(at()), observed(at(), gpu="0.90"), observed(at(1), gpu="0.90")]
    told = open_book(read_history(events), at(60))
    for text in (markdown_text(told), html_text(told)):
        assert "Machine hours" in text
        assert "GPU hours" not in text
    assert told.rows[0].hours == told.report.total.machine_hours == 1
    first = next(row for row in csv.DictReader(io.StringIO(focus_text(told))) if row["SkuMeter"] == "GPU time")
    assert (first["ConsumedQuantity"], first["ConsumedUnit"], first["PricingUnit"]) == ("2.0", "GPU-Hours", "GPU-Hours")
