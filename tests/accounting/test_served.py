"""Tokens: what two readings of a counter prove, what a restart hides, and what a million of them cost."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from lifetimes import NOON, a_rental, at, event

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.csv import csv_text
from cloudgpu.accounting.exports.html import html_text
from cloudgpu.accounting.exports.json import json_text
from cloudgpu.accounting.exports.markdown import markdown_text
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.report import report
from cloudgpu.accounting.served import Stretch

END = NOON + timedelta(hours=30)


def worked(when, prompt, generation, *, run="1", **more):
    data = {"prompt_tokens": prompt, "generation_tokens": generation, "run": run, "kv_peak": None, "kv_tokens": None}
    return event("worked", when, {**data, **more})


def told(*readings, by="deployment", hours=24, since=None):
    return report(read_history([*a_rental(hours=hours), *readings]), END, by, since)


WHOLE = (worked(at(9), 0, 0), worked(at(24 * 60, 20), 3_000_000, 1_000_000))


def test_two_readings_of_one_run_vouch_for_all_the_time_between():
    cost = told(*WHOLE).total_tokens
    assert (cost.prompt_tokens, cost.generation_tokens, cost.seen_share) == (3_000_000, 1_000_000, Decimal(1))
    assert cost.seen_usd == told(*WHOLE).total.total_usd
    assert cost.usd_per_million_output == cost.seen_usd.quantize(Decimal("1e-6"))
    assert cost.usd_per_million_total == (cost.seen_usd / 4).quantize(Decimal("1e-6"))


def test_time_without_readings_costs_no_token_and_is_said():
    half = told(worked(at(9), 0, 0), worked(at(12 * 60), 10, 1_000_000))
    cost = half.total_tokens
    assert Decimal("0.49") < cost.seen_share < Decimal("0.51")
    assert cost.seen_usd < half.total.total_usd * Decimal("0.55")


def test_one_reading_proves_nothing_but_the_way_to_the_first_answer():
    cost = told(worked(at(600), 5000, 5000)).total_tokens
    assert (cost.generation_tokens, cost.usd_per_million_output) == (0, None)
    assert cost.seen_share < Decimal("0.01")


def test_without_readings_nothing_is_said_about_tokens():
    silent = told()
    assert (silent.tokens, silent.total_tokens) == ({}, None)


def test_what_a_restart_hides_is_not_seen_and_not_guessed():
    for anew in (
        worked(at(720), 40, 100),
        worked(at(720), 9_000, 9_000, run="2"),
        worked(at(720), 900, 900, restarted=True),
    ):
        last = worked(at(1440), 9_500, 9_500, run=anew.data["run"])
        cost = told(worked(at(9), 0, 0), worked(at(360), 500, 500), anew, last).total_tokens
        after = 9_500 - anew.data["generation_tokens"]
        assert cost.generation_tokens == 500 + after
        assert Decimal("0.74") < cost.seen_share < Decimal("0.76")


def test_what_our_own_probes_took_is_served_to_nobody_and_costs_no_million():
    ours = {"prompt": 0, "generation": 0}
    cost = told(worked(at(9), 0, 0, served=ours), worked(at(1440), 900, 90, served=ours)).total_tokens
    assert (cost.prompt_tokens, cost.generation_tokens, cost.usd_per_million_output) == (0, 0, None)
    others = {"prompt": 10, "generation": 20}
    cost = told(worked(at(9), 0, 0, served=ours), worked(at(1440), 910, 110, served=others)).total_tokens
    assert (cost.prompt_tokens, cost.generation_tokens) == (10, 20)


def test_readings_of_before_and_after_probes_were_told_apart_go_together():
    later = {"prompt": 9, "generation": 8}
    cost = told(worked(at(9), 5, 5), worked(at(720), 10, 9, served=later)).total_tokens
    assert (cost.prompt_tokens, cost.generation_tokens) == (4, 3)


def test_a_reading_twice_and_a_clock_that_was_set_back_add_nothing():
    again = (worked(at(9), 0, 0), worked(at(9), 0, 0), worked(at(1440), 50, 100), worked(at(1430), 40, 90))
    assert told(*again, worked(at(1440, 20), 60, 110)).total_tokens.generation_tokens == 110


def test_what_never_answered_served_nothing_and_its_money_counts():
    failed = [each for each in a_rental(token="t-2", hours=1) if each.kind != "ready"]
    with_it = report(read_history([*a_rental(hours=24), *WHOLE, *failed]), END).total_tokens
    assert with_it.seen_share == 1
    assert with_it.seen_usd > told(*WHOLE).total_tokens.seen_usd


def test_by_day_and_since_tokens_follow_the_clock():
    days = told(*WHOLE, by="day").tokens
    assert sum(cost.generation_tokens for cost in days.values()) == 1_000_000
    second = told(*WHOLE, since=NOON + timedelta(hours=12)).total_tokens
    assert second.generation_tokens == days["2026-03-02"].generation_tokens
    assert told(*WHOLE, by="meter").tokens == {}


@given(
    st.integers(0, 10**12), st.integers(0, 10**12),
    st.lists(st.integers(0, 10**6), unique=True).map(sorted),
)  # fmt: skip
def test_tokens_of_any_cut_add_up_to_the_whole(prompt, generation, seconds):
    stretch = Stretch(NOON, NOON + timedelta(seconds=10**6), prompt, generation)
    edges = [stretch.start, *(NOON + timedelta(seconds=s) for s in seconds), stretch.end]
    parts = [stretch.between(a, b) for a, b in pairwise(edges)]
    assert (sum(p for p, _ in parts), sum(g for _, g in parts)) == (prompt, generation)
    assert min(n for part in parts for n in part) >= 0


def test_every_row_of_an_export_has_its_tokens_and_they_add_up():
    book = open_book(read_history([*a_rental(hours=24), *WHOLE]), END)
    rows = list(csv.DictReader(io.StringIO(csv_text(book.rows))))
    assert sum(int(row["generation_tokens"]) for row in rows if row["generation_tokens"]) == 1_000_000
    assert all(row["seen_hours"] == row["hours"] for row in rows)
    document = json.loads(json_text(book.rows, END))
    assert document["totals"]["prompt_tokens"] == "3000000"
    assert json.loads(json_text(open_book(read_history(a_rental()), END).rows, END))["totals"]["prompt_tokens"] is None


def test_pages_for_people_tell_the_price_and_what_it_rests_on():
    half = open_book(read_history([*a_rental(hours=24), worked(at(9), 0, 0), worked(at(720), 10, 1_000_000)]), END)
    for text in (html_text(half), markdown_text(half)):
        assert "1,000,000" in text
        assert "~$" in text
        assert "49 %" in text
    silent = open_book(read_history(a_rental()), END)
    assert "million" not in html_text(silent) + markdown_text(silent)
