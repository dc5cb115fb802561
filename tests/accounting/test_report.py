"""What was spent, by anything one may ask, and what still bills."""

from decimal import Decimal

import pytest
from lifetimes import a_rental, at, charged, created, event, intended, observed

from cloudgpu.accounting.charge import Meter, Source
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.report import report
from cloudgpu.accounting.sums import GROUPINGS
from cloudgpu.base.errors import UsageError


def told_of(events, until, by="deployment", since=None):
    return report(read_history(events), until, by, since)


def two_deployments():
    old = a_rental()
    bill = charged(at(61), ("gpu", at(6), at(60), "0.324"), ("disk", at(), at(60), "0.018"))
    kw = {"token": "t-2", "deployment": "qwen-14b"}
    new = [
        intended(at(30), count=2, model="Qwen/Qwen2.5-14B", **kw), created(at(30), instance_id="7002", **kw),
        observed(at(40), gpu="0.90", **kw),
    ]  # fmt: skip
    return [*old, *new, bill]


@pytest.mark.parametrize("by", GROUPINGS)
def test_the_groups_of_every_kind_add_up_to_the_total(by):
    told = told_of(two_deployments(), at(200), by)
    assert sum(line.total_usd for line in told.lines) == told.total.total_usd > 0
    assert sum(told.usd_by_source.values()) == told.total.total_usd
    for meter in Meter:
        assert sum(line.usd_by_meter[meter] for line in told.lines) == told.total.usd_by_meter[meter]
    assert sum(told.usd_by_purpose.values()) == told.total.total_usd


def test_the_burn_counts_gpu_and_disk_of_everything_that_is_not_confirmed_gone():
    told = told_of(two_deployments(), at(200))
    assert [each.deployment for each in told.billing_now] == ["qwen-14b"]
    assert told.burn_usd_per_hour == Decimal("0.918")


def test_a_stopped_instance_burns_its_disk():
    events = [*a_rental()[:3], observed(at(30), gpu_billing=False, state="stopped")]
    assert told_of(events, at(60)).burn_usd_per_hour == Decimal("0.018")


def test_an_instance_whose_create_was_never_answered_is_listed_as_possibly_billing():
    told = told_of([intended(at()), event("uncertain", at(1))], at(60))
    (billing,) = told.billing_now
    assert not billing.certain
    assert told.burn_usd_per_hour == Decimal("0.378")
    assert told.total.total_usd == 0


def test_a_failed_cleanup_is_still_billing_until_its_end_is_confirmed():
    failed = [*a_rental()[:5], event("cleanup_failed", at(61))]
    (billing,) = told_of(failed, at(70)).billing_now
    assert billing.cleanup_failed
    assert told_of([*failed, event("gone", at(80))], at(90)).billing_now == ()


def test_an_estimate_makes_its_whole_group_an_estimate():
    assert told_of(a_rental()[:4], at(60)).total.source is Source.ESTIMATED


def test_several_cards_are_named_as_several():
    assert {line.key for line in told_of(two_deployments(), at(200), "gpu").lines} == {"RTX 4090", "2x RTX 4090"}


def test_days_are_those_of_utc():
    (first, second) = told_of(a_rental(hours=13), at(2000), "day").lines
    assert (first.key, second.key) == ("2026-03-01", "2026-03-02")


def test_nothing_recorded_is_a_report_of_zero():
    told = told_of([], at())
    assert (told.total.total_usd, told.lines, told.billing_now) == (0, (), ())


def test_an_unknown_grouping_is_refused_with_the_known_ones():
    with pytest.raises(UsageError) as refusal:
        told_of([], at(), "colour")
    assert "deployment" in refusal.value.hint


def test_an_earlier_end_changes_neither_today_nor_the_month_nor_the_forecast():
    events = a_rental()[:4]  # it runs on
    present = at(30 * 60)
    whole = told_of(events, present)
    earlier = report(read_history(events), at(60), now=present)
    assert earlier.pace == whole.pace
    assert earlier.pace.today_usd > 0
    assert earlier.total.total_usd < whole.total.total_usd


def test_the_forecast_is_what_is_known_of_the_month_and_the_rest_of_it_at_todays_burn():
    told = told_of(a_rental()[:4], at(30 * 60))
    hours_left = Decimal(30 * 24 + 12 - 30)  # of March, from noon of the first on
    assert told.pace.forecast_usd == told.pace.month_usd + hours_left * told.burn_usd_per_hour
