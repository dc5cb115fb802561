"""The price of tokens beside a migration: no money is in the total that no row shows, and what served is told alone."""

from decimal import Decimal

import pytest
from lifetimes import at, event
from test_moves import a_migration

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.html import html_text
from cloudgpu.accounting.exports.markdown import markdown_text
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.report import report
from cloudgpu.accounting.sums import GROUPINGS
from cloudgpu.accounting.token_rows import token_rows

HOUR = Decimal("0.378")


def counted(minutes, tokens, side):
    data = {"prompt_tokens": tokens, "generation_tokens": tokens, "run": "1", "kv_peak": None, "kv_tokens": None}
    token = "t-mistral-1200" if side == "mistral" else "t-qwen-14b-1300"
    return event("worked", at(minutes), data, token=token, deployment=side)


def history(*, quiet=True):
    """Each side is seen as long as it lives; `quiet`: nobody asks the side that is not in charge."""
    spare = 0 if quiet else 50
    old = [(0, 0), (120, 1000), (180, 1000 + spare), (240, 2000), (300, 2000 + spare)]
    new = [(60, 0), (120, spare), (180, 1000), (240, 1000 + spare), (360, 3000)]
    return read_history([
        *a_migration(), *(counted(*each, "mistral") for each in old), *(counted(*each, "qwen-14b") for each in new),
    ])  # fmt: skip


def rows(by, **how):
    return dict(token_rows(report(history(**how), at(360), by)))


@pytest.mark.parametrize("by", [each for each in GROUPINGS if each != "meter"])
@pytest.mark.parametrize("quiet", [True, False])
def test_the_money_of_the_rows_is_that_of_the_total_and_its_price_lies_between_theirs(by, quiet):
    found = rows(by, quiet=quiet)
    groups = [cost for name, cost in found.items() if name not in ("Total", "Serving alone")]
    total = found["Total"] if len(groups) > 1 else groups[0]
    assert sum(cost.seen_usd for cost in groups) == total.seen_usd
    prices = [cost.usd_per_million_output for cost in groups]
    free_of_tokens = any(price is None for price in prices)
    assert free_of_tokens or min(prices) <= total.usd_per_million_output <= max(prices)


def test_a_double_run_in_which_nothing_was_asked_has_its_row():
    found = rows("migration")
    assert found["m-1: double run"].seen_usd == 2 * HOUR
    assert found["m-1: double run"].usd_per_million_output is None


def test_what_served_is_told_without_the_price_of_changing_over():
    found = rows("deployment", quiet=False)
    assert found["Serving alone"].seen_usd == 6 * HOUR
    assert found["Serving alone"].generation_tokens == found["Total"].generation_tokens - 4 * 50
    assert found["Serving alone"].seen_share == 1
    assert found["Serving alone"].usd_per_million_output < found["Total"].usd_per_million_output


def test_serving_alone_is_told_only_where_it_is_something_else():
    alone = read_history([each for each in a_migration() if each.kind != "migration"] + [counted(60, 0, "mistral"),
                         counted(120, 9, "mistral")])  # fmt: skip
    assert "Serving alone" not in dict(token_rows(report(alone, at(360), "model")))
    assert "Serving alone" not in rows("migration")
    assert "no migration: serving" in rows("migration")


def test_pages_for_people_tell_both():
    book = open_book(history(), at(360))
    for text in (html_text(book), markdown_text(book)):
        assert "Serving alone" in text
        assert "$3.7800" in text
        assert "leaves out" in text
