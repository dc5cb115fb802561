"""What a migration costs on top is told before it starts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import ConflictError
from cloudgpu.base.money import PICO
from cloudgpu.cli.migrate.strategy import check_budget
from cloudgpu.moving.double_run import OpenEnd, double_run, expected_ready_s, no_double_run
from cloudgpu.moving.strategy import Strategy, Way


def priced(download_mbps=500.0, strategy=None):
    return double_run(
        old_usd_per_hour=Decimal("0.30"), new_usd_per_hour=Decimal("0.60"), download_usd=Decimal("0.05"),
        download_gb=35.0, download_mbps=download_mbps, at_most_usd=Decimal("2.00"), strategy=strategy or Strategy(),
    )  # fmt: skip


def test_both_sides_are_paid_until_one_is_given_up():
    assert priced().both_usd_per_hour == Decimal("0.90")


def test_the_time_until_ready_is_paid_at_the_new_price_with_the_download_on_top():
    price = priced()
    assert price.ready_s == 240 + 35 * 8000 / 350
    assert price.until_ready_usd == (Decimal("0.60") * round(price.ready_s) / 3600 + Decimal("0.05")).quantize(PICO)


def test_a_side_that_is_alive_already_is_not_waited_for():
    price = no_double_run(Decimal("0.30"), Decimal("0.60"), Strategy())
    assert (price.ready_s, price.until_ready_usd, price.at_most_usd) == (0, 0, 0)


def test_the_double_run_is_the_new_side_before_it_serves_and_the_old_one_after():
    price = priced(strategy=Strategy(way=Way.CANARY, steps=(10, 50), pause_s=300.0, window_s=1800.0))
    assert price.window_usd == Decimal("0.15")
    assert price.on_top_usd == price.until_ready_usd + Decimal("0.60") * 600 / 3600 + Decimal("0.15")


def test_a_window_without_an_end_has_no_price_but_one_an_hour():
    price = priced(strategy=Strategy(window_s=None))
    assert (price.window_usd, price.on_top_usd) == (None, price.until_ready_usd)
    assert price.open_ends == (OpenEnd(usd_per_hour=Decimal("0.30"), until="finalize"),)


@pytest.mark.parametrize("way", [Way.AB, Way.DUAL])
def test_what_both_share_until_told_otherwise_has_a_price_an_hour(way):
    price = priced(strategy=Strategy(way=way, steps=(50,)))
    assert price.open_ends == (OpenEnd(usd_per_hour=Decimal("0.60"), until="promote, rollback or abort"),)


def test_a_canary_that_waits_to_be_told_has_a_price_an_hour():
    waiting = priced(strategy=Strategy(way=Way.CANARY, steps=(10,), pause_s=None))
    assert waiting.open_ends == (OpenEnd(usd_per_hour=Decimal("0.60"), until="promote"),)
    assert priced(strategy=Strategy(way=Way.CANARY, steps=(10,), pause_s=300.0)).open_ends == ()


ENDLESS = (
    Strategy(window_s=None), Strategy(way=Way.AB, steps=(50,)), Strategy(way=Way.CANARY, steps=(10,), pause_s=None),
)  # fmt: skip


@pytest.mark.parametrize("strategy", ENDLESS)
def test_no_budget_holds_a_double_run_without_an_end(strategy):
    check_budget(priced(strategy=strategy), None)
    with pytest.raises(ConflictError, match="for every hour until"):
        check_budget(priced(strategy=strategy), Decimal(1000))


def test_a_window_that_the_budget_allows_is_named_and_it_is_allowed():
    price, budget = priced(), priced().until_ready_usd + Decimal("0.10")
    with pytest.raises(ConflictError) as refused:
        check_budget(price, budget)
    assert "--window 20)" in refused.value.hint
    check_budget(priced(strategy=Strategy(window_s=20 * 60.0)), budget)


def test_no_window_is_promised_to_a_budget_that_is_spent_before_it():
    with pytest.raises(ConflictError) as refused:
        check_budget(priced(), Decimal("0.01"))
    assert "--window" not in refused.value.hint


@given(gb=st.floats(min_value=0.1, max_value=500), mbps=st.none() | st.floats(min_value=-1, max_value=20_000))
def test_more_to_download_never_takes_less_time(gb, mbps):
    assert expected_ready_s(gb * 2, mbps) > expected_ready_s(gb, mbps) > 0
