"""`plan --explain`, `--why-not`, `--spot`, time until ready, and machines that failed before."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from cloudgpu.base.errors import NotFoundError, UnknownGpuError
from cloudgpu.planning.blocklist import block, blocked_machines, blocklist_path, unblock, without_blocked
from cloudgpu.planning.plan import make_plan
from cloudgpu.planning.plan_file import load_plan, save_plan
from cloudgpu.planning.price import overlap_usd, price_of
from cloudgpu.planning.readiness import readiness_of
from cloudgpu.planning.spot import spot_of
from cloudgpu.planning.story import story_of_card, story_of_offer


def test_a_refused_offer_is_explained_with_its_price_and_what_would_have_passed(market, needs, offer, now):
    bad = offer(offer_id="7", disk_gb=11.0, reliability=0.8)
    story = story_of_offer(needs(), market(offer(), bad), "7")
    found = {reason.code: (reason.has, reason.needed) for reason in story.reasons}
    assert found == {"reliability": (0.8, 0.9), "disk": (11.0, 65)}
    assert (story.place, story.fitting) == (None, 1)
    assert story.candidate.usd_total > 0
    assert "memory" in story.passed


def test_an_offer_that_fits_is_explained_with_its_place(market, needs, offer):
    dear = offer(offer_id="dear", machine_id="m2", gpu_usd_per_hour=Decimal(2))
    story = story_of_offer(needs(), market(dear, offer()), "dear")
    assert (story.reasons, story.place, story.fitting) == ((), 2, 2)


def test_an_offer_that_is_not_there_is_said_to_be_gone(market, needs, offer):
    with pytest.raises(NotFoundError, match="no offer '99'"):
        story_of_offer(needs(), market(offer()), "99")


def test_a_card_is_explained_by_its_offers_and_by_the_count_that_would_hold_the_model(market, needs, offer):
    small = offer(gpu="RTX 4090", gpu_memory_mib=24564)
    story = story_of_card(needs(gpu="L40S"), market(offer(), small), "4090")
    assert (story.gpu, story.offers, story.fitting) == ("RTX 4090", 1, 0)
    assert story.nearest.reasons[0].code == "memory"
    assert [sized.holds_cache for sized in story.sizes.values()] == [False, True, True, True]


def test_a_card_that_is_not_on_offer_is_sized_all_the_same(market, needs, offer):
    story = story_of_card(needs(), market(offer()), "H100 SXM")
    assert (story.offers, story.nearest) == (0, None)
    assert story.sizes[1].holds_cache
    with pytest.raises(UnknownGpuError):
        story_of_card(needs(), market(offer()), "Frobnicator")


def test_a_bid_saves_until_interruptions_eat_it_up(market, needs, offer, now):
    cheap = offer(min_bid_usd_per_hour=Decimal("0.40"))
    plan = make_plan(needs(), market(cheap), now)
    spot = spot_of(needs(), market(cheap), plan.candidates[0])
    assert Decimal("19.0") < spot.saves_usd < Decimal("19.5")
    assert spot.break_even * spot.interruption_usd > spot.saves_usd
    assert (spot.break_even - 1) * spot.interruption_usd <= spot.saves_usd
    assert plan.candidates[0].offer.interruptible is False


@pytest.mark.parametrize("bid", ["1.20", "7.2"])
def test_a_bid_at_or_above_the_price_on_demand_is_refused(market, needs, offer, now, bid):
    odd = offer(min_bid_usd_per_hour=Decimal(bid))
    found = market(odd, offer(offer_id="2", machine_id="m2", min_bid_usd_per_hour=Decimal("0.5")))
    plan = make_plan(needs(), found, now)
    spot = spot_of(needs(), found, plan.candidates[0])
    assert (spot.candidate.offer.offer_id, spot.above_on_demand, spot.bids) == ("2", 1, 2)


def test_without_any_bid_there_is_nothing_to_compare(market, needs, offer, now):
    assert spot_of(needs(), market(offer()), make_plan(needs(), market(offer()), now).candidates[0]) is None


def test_a_slow_line_bills_before_the_first_answer(offer):
    slow, fast = (readiness_of(offer(download_mbps=mbps), download_gb=40.0) for mbps in (100.0, 1000.0))
    assert slow.total_s > fast.total_s * 4
    assert fast.pull_s + fast.download_s == pytest.approx(40 * 8 / 0.7, abs=2)
    assert fast.gpu_billed_s == fast.total_s - fast.pull_s
    prices = [
        price_of(offer(), disk_gb=60, download_gb=40.0, hours=Decimal(1), readiness=each) for each in (slow, fast)
    ]
    assert prices[0].ready_usd > prices[1].ready_usd > 0
    assert prices[0].usd_total - prices[0].ready_usd == prices[1].usd_total - prices[1].ready_usd


def test_what_lies_on_the_host_already_is_not_fetched_nor_paid(market, needs, offer, now):
    cold, warm = (
        make_plan(needs(weights_cached=cached), market(offer()), now).candidates[0] for cached in (False, True)
    )
    assert warm.readiness.pull_s == warm.readiness.download_s == 0
    assert warm.download_usd == 0 < cold.download_usd


def test_an_offer_too_slow_for_the_wait_is_refused_with_the_wait_that_would_pass(market, needs, offer, now):
    slow = offer(download_mbps=120.0)
    plan = make_plan(needs(max_wait_s=900.0), market(slow), now)
    [reason] = plan.rejections[0].reasons
    assert (reason.code, reason.needed) == ("ready", 15.0)
    again = make_plan(needs(max_wait_s=reason.has * 60.0), market(slow), now)
    assert again.candidates


def test_the_story_of_a_card_calls_nothing_a_fit_that_leaves_graphs_no_room(needs, market, offer):
    two = offer(gpu="RTX 3080 10GB", gpu_memory_mib=10240, gpu_count=2)
    story = story_of_card(needs("qwen3-8b"), market(two), "RTX 3080 10GB")
    assert story.as_json()["sizes"]["2"]["fits"] == (story.fitting == 1)
    assert not story.sizes[2].fits


def test_a_migration_pays_for_both_sides_while_both_run(offer):
    ready = readiness_of(offer(), download_gb=40.0)
    assert overlap_usd(Decimal(1), ready, 3600) - overlap_usd(Decimal(1), ready, 0) == 1
    assert overlap_usd(Decimal(3600), ready, 0) == ready.total_s


def test_an_old_side_that_bills_makes_the_machine_that_is_ready_sooner_the_cheaper_one(market, needs, offer, now):
    slow = offer(gpu_usd_per_hour=Decimal("1.00"), download_mbps=120.0)
    fast = offer(offer_id="2", machine_id="m2", gpu_usd_per_hour=Decimal("1.15"))
    alone = make_plan(needs(), market(slow, fast), now)
    beside = make_plan(needs(old_usd_per_hour=Decimal(5), rollback_window_s=3600.0), market(slow, fast), now)
    assert [plan.candidates[0].offer.offer_id for plan in (alone, beside)] == ["1", "2"]
    [with_old, *_], [without, *_] = beside.candidates, (each for each in alone.candidates if each.offer == fast)
    assert with_old.usd_total - without.usd_total == with_old.overlap_usd
    assert with_old.overlap_usd == overlap_usd(Decimal(5), with_old.readiness, 3600)
    assert without.overlap_usd == 0


def test_a_plan_file_keeps_what_is_replaced(tmp_path, market, needs, offer, now):
    plan = make_plan(needs(old_usd_per_hour=Decimal("0.55"), rollback_window_s=900.0), market(offer()), now)
    save_plan(plan, tmp_path / "p.json")
    assert load_plan(tmp_path / "p.json") == plan


def test_a_machine_that_failed_is_refused_until_its_time_is_over(tmp_path, market, needs, offer, now):
    block(tmp_path, "vast", "m1", "its engine never answered", now, timedelta(days=1))
    plan = make_plan(needs(), without_blocked(market(offer()), tmp_path, now), now)
    assert plan.rejected_by_reason == {"blocked": 1}
    assert "never answered; left alone until 2026-11-21 12:00 UTC" in plan.rejections[0].reasons[0].detail
    later = now + timedelta(days=1)
    assert make_plan(needs(), without_blocked(market(offer()), tmp_path, later), later).candidates


def test_the_list_holds_one_entry_a_machine_and_lets_one_go(tmp_path, now):
    for why in ("first", "second"):
        block(tmp_path, "vast", "m1", why, now)
    block(tmp_path, "vast", None, "no number", now)
    assert [each.why for each in blocked_machines(tmp_path, now)] == ["second"]
    assert unblock(tmp_path, "m1", "runpod") == 0
    assert unblock(tmp_path, "m1") == 1
    assert unblock(tmp_path, "m1") == 0
    assert blocked_machines(tmp_path, now) == ()


def test_another_providers_clock_takes_nothing_off_the_list(tmp_path, now):
    block(tmp_path, "vast", "m1", "its engine never answered", now, timedelta(days=1))
    block(tmp_path, "emulator", "m1", "its engine never answered", now + timedelta(days=9))
    assert [each.provider for each in blocked_machines(tmp_path, now)] == ["vast", "emulator"]
    assert unblock(tmp_path, None) == 2
    assert blocked_machines(tmp_path, now) == ()


@pytest.mark.parametrize("text", ["", "[]", '{"machines": 3}', '{"machines": [{"provider": "vast"}]}', "<html>"])
def test_a_list_that_cannot_be_read_blocks_nothing(tmp_path, now, text):
    blocklist_path(tmp_path).write_text(text)
    assert blocked_machines(tmp_path, now) == ()


def test_a_plan_file_keeps_readiness_bids_and_what_money_buys(tmp_path, market, needs, offer, now):
    rich = offer(offer_id="2", machine_id="m2", gpu="H100 SXM", gpu_memory_mib=81559, gpu_usd_per_hour=Decimal(3))
    plan = make_plan(needs(max_wait_s=9000.0), market(offer(min_bid_usd_per_hour=Decimal("0.5")), rich), now)
    save_plan(plan, tmp_path / "p.json")
    assert load_plan(tmp_path / "p.json") == plan
    assert [each.offer.offer_id for each in plan.worth] == ["1", "2"]
    assert json.loads((tmp_path / "p.json").read_text())["candidates"][0]["ready"]["total_s"] > 0


def test_the_worked_example_of_the_documentation_still_holds(market, needs, offer, now):
    found = {
        (mbps, hours): make_plan(needs(hours=Decimal(hours)), market(offer(download_mbps=mbps)), now).candidates[0]
        for mbps in (1000.0, 100.0)
        for hours in (24, 1)
    }
    first = found[1000.0, 24]
    assert (first.usd_total, first.readiness.gpu_billed_s, first.readiness.total_s) == (
        Decimal("29.824780401245"),
        548,
        674,
    )
    assert round(found[100.0, 24].readiness.total_s / 60) == 81
    rounded = [round(found[key].usd_total, 2) for key in ((100.0, 24), (100.0, 1), (1000.0, 1))]
    assert rounded == [Decimal("30.86"), Decimal("2.84"), Decimal("1.81")]
