"""Every file, read back by a reader of its own format, gives the same exact totals."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from lifetimes import NOON, a_rental, at, charged, event
from test_exact_cuts import histories

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.csv import csv_text
from cloudgpu.accounting.exports.focus import focus_text
from cloudgpu.accounting.exports.html import html_text
from cloudgpu.accounting.exports.json import json_text, jsonl_text
from cloudgpu.accounting.exports.markdown import markdown_text
from cloudgpu.accounting.exports.parquet import write_parquet
from cloudgpu.accounting.exports.rows import NUMBERS, totals
from cloudgpu.accounting.exports.xlsx import write_xlsx
from cloudgpu.accounting.history import read_history
from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.base.money import exact_text

FAR = NOON + timedelta(days=3)


def book(*more):
    bill = charged(at(200), ("gpu", at(6), at(150), "0.8640000000012345"), ("disk", at(), at(150), "0.045"))
    return open_book(read_history([*a_rental(hours=2.5), bill, *more]), FAR)


def sums(rows):
    """The exact sum of each column of hours and dollars."""
    listed = list(rows)
    return {name: sum((Decimal(row[name]) for row in listed), Decimal(0)) for name in NUMBERS}


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(histories())
def test_text_formats_keep_every_digit(events):
    kept = open_book(read_history(events), FAR)
    line = kept.report.total
    spent, of_meters = line.total_usd, {f"{meter.value}_usd": usd for meter, usd in line.usd_by_meter.items()}
    right = {"hours": line.machine_hours, "total_usd": spent, **of_meters}
    assert sums(csv.DictReader(io.StringIO(csv_text(kept.rows)))) == right
    assert sums(json.loads(json_text(kept.rows, FAR))["rows"]) == right
    assert sums(map(json.loads, jsonl_text(kept.rows).splitlines())) == right
    focus = csv.DictReader(io.StringIO(focus_text(kept)))
    assert sum((Decimal(row["EffectiveCost"]) for row in focus), Decimal(0)) == spent


def test_parquet_is_read_back_by_duckdb_to_the_last_digit(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    write_parquet(book(), tmp_path / "a'b.parquet")
    name = str(tmp_path / "a'b.parquet").replace("'", "''")
    wanted = ", ".join(f"sum({column})" for column in NUMBERS)
    ((count, *found),) = duckdb.sql(f"SELECT count(*), {wanted} FROM '{name}'").fetchall()
    assert count == len(book().rows)
    assert dict(zip(NUMBERS, found, strict=True)) == {
        each: Decimal(text) for each, text in totals(book().rows).items() if each in NUMBERS
    }
    assert found[-1] == book().report.total.total_usd


def test_an_amount_with_more_digits_than_parquet_holds_is_refused_rather_than_rounded(tmp_path):
    pytest.importorskip("duckdb")
    bill = charged(at(300), ("gpu", at(6), at(7), "0.1234567890123456789012345"))
    with pytest.raises(BadFileError, match="more digits"):
        write_parquet(book(bill), tmp_path / "costs.parquet")


def test_the_workbook_keeps_the_exact_text_beside_the_number_and_payments_apart(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    paid = event("top_up", at(), {"usd": "25", "note": "=1+1"}, token=None, deployment=None)
    write_xlsx(book(paid), tmp_path / "costs.xlsx")
    sheets = openpyxl.load_workbook(tmp_path / "costs.xlsx")
    assert sheets.sheetnames == ["Summary", "Ledger", "Payments", "Notes"]
    head, *rows = sheets["Ledger"].iter_rows(values_only=True)
    exact = sum(Decimal(dict(zip(head, row, strict=True))["total_usd_exact"]) for row in rows)
    assert exact == book().report.total.total_usd
    (said,) = [row[1] for row in sheets["Notes"].iter_rows(values_only=True) if row[0] == "Total, exact"]
    assert Decimal(said) == exact
    assert [cell.value for cell in sheets["Payments"][2]][2:] == ["top-up", 25, "=1+1"]


def test_a_missing_library_names_the_extra_that_brings_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(UsageError) as refusal:
        write_parquet(book(), tmp_path / "costs.parquet")
    assert "cloudgpu[parquet]" in refusal.value.hint


def test_the_pages_for_people_show_the_exact_total_and_no_name_can_break_out():
    kept = book(*a_rental(start=at(400), token="t-2", deployment="<script>|x"))
    assert exact_text(kept.report.total.total_usd) in html_text(kept)
    assert exact_text(kept.report.total.total_usd) in markdown_text(kept)
    assert "<script>" not in html_text(kept)
    assert "\\|x" in markdown_text(kept)
