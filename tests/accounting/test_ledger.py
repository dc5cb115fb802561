"""Events become charges: the provider's bill where it reaches, the meter after it, an estimate until the bill tells."""

from datetime import timedelta
from decimal import Decimal

import pytest
from lifetimes import NOON, a_rental, at, charged, created, event, intended, observed

from cloudgpu.accounting.bill import is_settled, wants_bill
from cloudgpu.accounting.charge import Meter, Source
from cloudgpu.accounting.doubt import doubt_usd, running_hour_usd
from cloudgpu.accounting.ledger import fold, last_billed
from cloudgpu.accounting.life import lives
from cloudgpu.base.clock import utc_text

FAR = NOON + timedelta(days=30)


def usd(charges, **wanted):
    return sum((c.usd for c in charges if all(getattr(c, k) == v for k, v in wanted.items())), Decimal(0))


def test_a_gpu_costs_nothing_before_it_was_seen_to_charge_while_its_disk_costs_from_the_intent_on():
    charges = fold([intended(at()), created(at(0, 5)), observed(at(10))], at(70))
    assert usd(charges, meter=Meter.GPU) == Decimal("0.36")
    assert usd(charges, meter=Meter.DISK) == Decimal("0.018") * 70 / 60


def test_an_intent_that_never_became_an_instance_costs_nothing():
    assert fold([intended(at()), event("uncertain", at(1)), event("abandoned", at(5))], FAR) == []


def test_a_running_instance_is_metered_up_to_the_moment_of_the_report_and_a_gone_one_to_its_end():
    running = [intended(at(), download="0"), created(at()), observed(at())]
    assert usd(fold(running, at(120))) == Decimal("0.756")
    assert usd(fold([*running, event("gone", at(60))], at(120))) == Decimal("0.378")


def test_a_price_that_changes_counts_from_when_it_was_seen():
    events = [intended(at(), download="0"), created(at()), observed(at()), observed(at(60), gpu="0.72")]
    gpu = [c for c in fold(events, at(120)) if c.meter is Meter.GPU]
    assert [(c.start, c.end, c.usd) for c in gpu] == [
        (at(0), at(60), Decimal("0.36")),
        (at(60), at(120), Decimal("0.72")),
    ]


def test_a_stopped_instance_goes_on_paying_for_its_disk():
    events = [
        intended(at(), download="0"), created(at()), observed(at()),
        observed(at(60), gpu_billing=False, state="stopped"),
    ]  # fmt: skip
    charges = fold(events, at(180))
    assert usd(charges, meter=Meter.GPU) == Decimal("0.36")
    assert usd(charges, meter=Meter.DISK) == Decimal("0.018")
    assert usd(charges, meter=Meter.DISK_STOPPED) == Decimal("0.036")


def test_the_bill_counts_up_to_its_end_and_the_meter_after_it():
    bill = charged(at(60), ("gpu", at(6), at(60), "0.31"), ("disk", at(), at(60), "0.02"))
    charges = fold([*a_rental(hours=2)[:4], bill], at(90))
    assert usd(charges, source=Source.PROVIDER) == Decimal("0.33")
    assert usd(charges, source=Source.METERED) == (Decimal("0.36") + Decimal("0.018")) / 2
    assert min(c.start for c in charges if c.source is Source.METERED) == at(60)


def test_a_meter_that_the_bill_leaves_out_was_not_charged_for_the_time_the_bill_covers():
    bill = charged(at(60), ("disk", at(), at(60), "0.02"))
    charges = fold([intended(at(), download="0"), created(at()), observed(at(1)), bill], at(60))
    assert usd(charges) == Decimal("0.02")


def test_the_newest_bill_replaces_the_one_before_it():
    first = charged(at(30), ("gpu", at(6), at(30), "5"))
    second = charged(at(40), ("gpu", at(6), at(40), "0.25"))
    assert usd(fold([*a_rental()[:4], first, second], at(40)), source=Source.PROVIDER) == Decimal("0.25")


def test_the_final_bill_of_a_destroyed_instance_is_all_it_cost():
    bill = charged(
        at(61), ("gpu", at(6), at(60, 3), "0.324"), ("disk", at(), at(60, 3), "0.018"),
        ("download", at(1), at(5), "0.28"),
    )  # fmt: skip
    charges = fold([*a_rental(), bill], FAR)
    assert usd(charges) == Decimal("0.622")
    assert {c.source for c in charges} == {Source.PROVIDER}


def test_a_bill_that_lags_behind_the_destroy_is_completed_by_the_meter():
    lagging = charged(at(61), ("gpu", at(6), at(30), "0.144"))
    charges = fold([*a_rental(), lagging], FAR)
    metered = [c for c in charges if c.source is Source.METERED and c.meter is Meter.GPU]
    assert [(c.start, c.end) for c in metered] == [(at(30), at(60, 20))]


@pytest.mark.parametrize("state", ["outbid", "stopped", "failed"])
def test_the_disk_of_what_does_not_run_is_told_apart_from_that_of_what_runs(state):
    stopped = observed(at(30), gpu_billing=False, state=state)
    told = {charge.meter for charge in fold([*a_rental()[:4], stopped], at(60))}
    assert {Meter.DISK, Meter.DISK_STOPPED} <= told


def test_a_bill_that_ends_when_the_host_went_offline_is_final():
    offline = observed(at(50), gpu_billing=False, disk_billing=False, state="failed")
    events = [*a_rental()[:4], offline, *a_rental()[4:], charged(at(61), ("gpu", at(6), at(40), "0.2"))]
    assert usd(fold(events, FAR)) == Decimal("0.2")


def test_a_bill_read_a_day_after_the_end_is_final_whatever_its_last_line_says():
    late = charged(at(60) + timedelta(hours=25), ("gpu", at(6), at(30), "0.144"))
    assert usd(fold([*a_rental(), late], FAR)) == Decimal("0.144")


def test_the_planned_download_is_an_estimate_until_the_bill_tells_of_it():
    alive = a_rental()[:3]
    assert usd(fold(alive, at(8)), source=Source.ESTIMATED) == Decimal("0.30")
    billed = charged(at(8), ("disk", at(), at(8), "0.003"), ("download", at(1), at(7), "0.11"))
    assert usd(fold([*alive, billed], at(8)), meter=Meter.DOWNLOAD) == Decimal("0.11")


def test_a_bill_that_reaches_past_ready_without_a_download_says_that_it_was_free():
    bill = charged(at(20), ("disk", at(), at(20), "0.006"))
    assert usd(fold([*a_rental()[:4], bill], at(20)), meter=Meter.DOWNLOAD) == 0


def never_ran(bill):
    """Destroyed after half an hour of loading, and the bill that was read of it."""
    loading = observed(at(1), gpu_billing=False, state="provisioning")
    return [intended(at()), created(at()), loading, event("destroy_requested", at(30)), event("gone", at(31)), bill]


def test_a_download_that_the_bill_of_what_is_gone_does_not_hold_is_not_owed():
    lines = [("disk", at(), at(20), "0.006")]  # it ended before the destroy: its host was lost, and nobody looked
    early, late = charged(at(32), *lines), charged(at(42), *lines)
    assert usd(fold(never_ran(early), FAR), meter=Meter.DOWNLOAD) == Decimal("0.30")  # it may come late
    assert usd(fold(never_ran(late), FAR), meter=Meter.DOWNLOAD) == 0


def test_what_never_ran_and_is_on_no_bill_a_day_later_fetched_nothing():
    early, late = charged(at(60)), charged(at(31 + 24 * 60))
    assert usd(fold(never_ran(early), FAR), source=Source.ESTIMATED) == Decimal("0.30")
    assert usd(fold(never_ran(late), FAR), source=Source.ESTIMATED) == 0
    assert usd(fold([*a_rental(), late], FAR), source=Source.ESTIMATED) == Decimal("0.30")  # that bill is lost


def test_a_destroy_that_could_not_be_confirmed_goes_on_costing():
    events = [*a_rental()[:5], event("cleanup_failed", at(61), {"reason": "no answer", "console_url": "https://x"})]
    assert usd(fold(events, at(180))) > usd(fold(events, at(120)))


def test_what_a_provider_bills_beyond_our_meters_is_kept_as_other():
    bill = charged(at(61), ("upload", at(), at(60), "0.07"), ("disk", at(), at(60), "0.01"))
    assert usd(fold([*a_rental(), bill], FAR), meter=Meter.UPLOAD) == Decimal("0.07")


def test_a_report_about_the_past_leaves_out_what_was_billed_later():
    bill = charged(at(61), ("gpu", at(0), at(60), "0.60"))
    assert usd(fold([*a_rental(), bill], at(15)), source=Source.PROVIDER) == Decimal("0.15")


def test_what_is_billed_is_owed_though_the_providers_clock_is_ahead_of_ours():
    bill = charged(at(61), ("gpu", at(0), at(60), "0.60"))
    events = [*a_rental(), bill]
    assert last_billed(lives(events), at(15)) == at(60)
    assert usd(fold(events, last_billed(lives(events), at(15))), source=Source.PROVIDER) == Decimal("0.60")
    assert last_billed(lives(events), at(90)) == at(90)


def test_two_lives_of_one_deployment_name_are_two_lives():
    charges = fold([*a_rental(), *a_rental(start=at(120), token="t-2", instance_id="7002")], FAR)
    assert {c.instance_id for c in charges} == {"7001", "7002"}
    assert len({c.token for c in charges}) == 2


def test_a_clock_that_was_set_back_makes_no_negative_charge():
    events = [intended(at(), download="0"), created(at()), observed(at(30)), observed(at(20), gpu="0.72")]
    assert all(c.usd >= 0 and c.hours >= 0 for c in fold(events, at(60)))


def test_an_empty_bill_takes_back_nothing_that_was_billed_before():
    bill = charged(at(61), ("gpu", at(6), at(60), "0.324"), ("disk", at(), at(60), "0.018"))
    lost = charged(at(5000))
    assert usd(fold([*a_rental(), bill, lost], FAR)) == Decimal("0.342")


def test_an_empty_bill_settles_nothing_so_the_meter_stands():
    (life,) = lives([*a_rental(), charged(at(5000))])
    assert not is_settled(life)
    assert usd(fold([*a_rental(), charged(at(5000))], FAR), source=Source.METERED) > 0


def test_a_bill_is_wanted_until_it_is_final_and_not_for_ever():
    def wanted(events, when):
        (life,) = lives(events)
        return wants_bill(life, when)

    early = charged(at(61), ("gpu", at(6), at(60), "0.3"))
    final = charged(at(71), ("gpu", at(6), at(60), "0.3"))
    assert wanted(a_rental()[:3], at(30))
    assert wanted(a_rental(), at(61))
    assert wanted([*a_rental(), early], at(62))
    assert not wanted([*a_rental(), final], at(72))
    assert not wanted([intended(at())], at(1))
    assert not wanted([*a_rental(), charged(at(61))], at(60) + timedelta(days=31))


def test_each_provider_is_metered_by_its_own_clock():
    kw = {"token": "t-2", "deployment": "other", "provider": "emulator"}
    events = [
        intended(at(), download="0"), created(at()), observed(at()),
        intended(at(), download="0", **kw), created(at(), **kw), observed(at(), **kw),
    ]  # fmt: skip
    charges = fold(events, {"vast": at(60), "emulator": at(600)})
    assert usd(charges, provider="vast", meter=Meter.GPU) == Decimal("0.36")
    assert usd(charges, provider="emulator", meter=Meter.GPU) == Decimal("3.6")


def test_what_its_bill_no_longer_charges_a_day_later_was_not_running_until_a_look_saw_it_stopped():
    kw = {"provider": "runpod"}
    stopped = observed(at(600), gpu_billing=False, disk_billing=False, state="stopped", **kw)
    lines = [("gpu", at(0), at(60), "0.36"), ("gpu", at(60), at(120), "0.18")]
    events = [intended(at(), download="0", **kw), created(at(), **kw), observed(at(), **kw), stopped]
    early, late = charged(at(700), *lines, **kw), charged(at(600 + 24 * 60), *lines, **kw)
    far = at(5 * 24 * 60)
    assert usd(fold([*events, early], far)) > Decimal("3")  # it may still be behind, so it is metered, and in doubt
    assert usd(fold([*events, early, late], far)) == Decimal("0.54")
    (life,) = lives([*events, early, late])
    assert doubt_usd(life, far) == running_hour_usd(life, far) == 0
    again = observed(at(5000), disk="0", **kw)  # what is metered anew begins there
    assert usd(fold([*events, early, late, again], at(5060))) == Decimal("0.54") + Decimal("0.36")


def by_disk(events, until):
    sums = {Meter.DISK: Decimal(0), Meter.DISK_STOPPED: Decimal(0)}
    for charge in fold(events, until):
        if charge.meter in sums:
            sums[charge.meter] += charge.usd
    return sums


def hourly(*hours, gpu):
    """A bill of one cent of disk an hour, with the GPU in those hours that are named."""
    lines = [("disk", at(60 * hour), at(60 * hour + 60), "0.01") for hour in hours]
    return charged(at(60 * 9), *lines, *(("gpu", at(60 * hour), at(60 * hour + 60), "0.36") for hour in gpu))


def test_after_a_lost_host_the_disk_is_a_running_ones_wherever_the_bill_charges_the_gpu():
    lost = observed(at(70), gpu_billing=False, state="failed")
    lost.data["host_lost"] = True
    back = observed(at(60 * 8))
    bill = hourly(0, 1, 3, 4, 5, 6, 7, gpu=(0, 1, 4, 5, 6, 7))
    events = [intended(at()), created(at()), observed(at()), lost, back, bill]
    assert by_disk(events, at(60 * 8)) == {Meter.DISK: Decimal("0.06"), Meter.DISK_STOPPED: Decimal("0.01")}


def test_what_looks_saw_to_be_stopped_stays_so_and_after_the_last_of_them_the_bill_tells():
    stopped = observed(at(60), gpu_billing=False, state="stopped")
    back = observed(at(60 * 5))
    back.data["unchanged_until"] = utc_text(at(60 * 3))
    events = [intended(at()), created(at()), observed(at()), stopped, back, hourly(0, 1, 2, 3, 4, gpu=(0, 1, 4))]
    assert by_disk(events, at(60 * 5)) == {Meter.DISK: Decimal("0.02"), Meter.DISK_STOPPED: Decimal("0.03")}
