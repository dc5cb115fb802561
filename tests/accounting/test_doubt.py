"""How far the metered sum may be off is said, and the truth lies within it."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from lifetimes import NOON, at, charged, created, event, intended, observed

from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.doubt import doubt_usd, running_hour_usd
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.words import doubt_words
from cloudgpu.base.clock import utc_text

FAR = NOON + timedelta(days=2)


def seen(when, unchanged_until, **kw):
    told = observed(when, **kw)
    told.data["unchanged_until"] = utc_text(unchanged_until)
    return told


def lost(when, unchanged_until):
    return event("out_of_sight", when, {"reason": "no list", "unchanged_until": utc_text(unchanged_until)})


def doubt(events, until=FAR):
    (life,) = read_history(events).lives
    return doubt_usd(life, until)


def test_an_edge_that_was_seen_to_the_second_leaves_no_doubt():
    assert doubt([intended(at()), created(at()), seen(at(10), at(10))], at(60)) == 0


def test_a_change_between_two_looks_is_worth_its_price_step_times_the_time_between():
    events = [intended(at()), created(at()), seen(at(0), at(0)), seen(at(60), at(50), gpu_billing=False)]
    assert doubt(events) == Decimal("0.36") / 6


def test_the_end_lies_between_the_request_and_its_proof():
    events = [
        intended(at()), created(at()), seen(at(0), at(0)), event("destroy_requested", at(60)), event("gone", at(66)),
    ]  # fmt: skip
    assert doubt(events) == Decimal("0.378") / 10


def test_a_create_that_nobody_answered_may_cost_its_planned_price_since_the_intent():
    assert doubt([intended(at()), event("uncertain", at(1))], at(60)) == Decimal("0.378")


def test_a_create_that_provably_never_happened_leaves_no_doubt():
    assert doubt([intended(at()), event("uncertain", at(1)), event("abandoned", at(3))], at(60)) == 0


def test_what_is_out_of_sight_may_cost_anything_between_nothing_and_its_highest_price():
    events = [intended(at()), created(at()), seen(at(0), at(0), gpu_billing=False), lost(at(70), at(10))]
    assert doubt(events, at(70)) == Decimal("0.378")


def test_what_was_never_shown_is_in_doubt_since_its_intent():
    events = [intended(at()), created(at()), event("out_of_sight", at(5), {"reason": "no list"})]
    assert doubt(events, at(60)) == Decimal("0.378")


def test_what_is_shown_again_is_in_doubt_no_more():
    events = [intended(at()), created(at()), seen(at(0), at(0)), lost(at(20), at(10)), seen(at(30), at(10))]
    assert doubt(events, at(60)) == 0


def test_an_end_that_is_proved_at_last_is_in_doubt_since_it_was_shown():
    gone = event("gone", at(70), {"unchanged_until": utc_text(at(10))})
    assert doubt([intended(at()), created(at()), seen(at(0), at(0)), lost(at(20), at(10)), gone]) == Decimal("0.378")


def test_what_vanished_is_metered_until_it_was_last_shown_and_doubted_until_the_proof():
    looked = {"unchanged_until": utc_text(at(10))}
    for asked in ([], [event("destroy_requested", at(69))]):
        told = [
            intended(at()),
            created(at()),
            seen(at(0), at(0)),
            lost(at(20), at(10)),
            *asked,
            event("gone", at(70), looked),
        ]
        assert sum(charge.usd for charge in fold(told, at(99)) if charge.meter is Meter.GPU) == Decimal("0.06")
        billed = [*told, charged(at(70), ("gpu", at(0), at(25), "0.15"), ("disk", at(0), at(25), "0.0075"))]
        assert sum(charge.usd for charge in fold(billed, at(99))) == Decimal("0.1575")
        assert doubt(billed) == 0


def test_what_the_provider_billed_is_not_in_doubt():
    events = [
        intended(at()), created(at(5)), seen(at(20), at(10)), event("destroy_requested", at(60)),
        event("gone", at(61)), charged(at(62), ("gpu", at(15), at(60), "0.27"), ("disk", at(), at(60), "0.018")),
    ]  # fmt: skip
    assert doubt(events) == 0


@given(
    looks=st.lists(st.integers(1, 500), min_size=1, max_size=12, unique=True),
    flips=st.lists(st.integers(1, 500), max_size=4, unique=True),
    asked=st.integers(501, 520), took=st.integers(0, 60), gone_after=st.integers(0, 60),
)  # fmt: skip
def test_the_true_bill_lies_within_the_stated_doubt(looks, flips, asked, took, gone_after):
    """A machine starts and stops by itself; we look now and then. The sum we state misses the truth by no more."""
    flips = sorted(flips)

    def runs(minute):
        return sum(flip <= minute for flip in flips) % 2 == 1

    true_end = asked + gone_after / 2
    gpu_minutes = sum(runs(minute) for minute in range(int(true_end))) + runs(int(true_end)) * (true_end % 1)
    truth = Decimal(str(gpu_minutes)) * Decimal("0.36") / 60
    events, last = [intended(at(), disk="0", download="0"), created(at(took / 60), instance_id="1")], 0
    for look in sorted({*looks, asked}):
        events.append(seen(at(look), at(last), gpu_billing=runs(look), disk="0"))
        last = look
    events += [event("destroy_requested", at(asked)), event("gone", at(asked + gone_after))]
    if any(sum(a < flip <= b for flip in flips) > 1 for a, b in _gaps(looks, asked)):
        return  # two changes between two looks leave no trace: no ledger can know them
    ours = sum((c.usd for c in fold(events, FAR)), Decimal(0))
    assert abs(ours - truth) <= doubt(events) + Decimal("1e-9")


@given(
    looks=st.lists(st.integers(1, 500), min_size=1, max_size=12, unique=True), end=st.integers(1, 500),
    dark=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), max_size=3), now=st.integers(500, 900),
)  # fmt: skip
def test_whatever_keeps_it_out_of_sight_the_truth_lies_within_the_stated_doubt(looks, end, dark, now):
    """A machine ends and no list proves it; now and then nobody can be asked. Its sum misses the truth by no more."""
    events, last, hidden = [intended(at(), disk="0", download="0"), created(at()), seen(at(), at(), disk="0")], 0, False
    for look in sorted({*looks, now}):
        if look > end or any(start <= look < start + length for start, length in dark):
            events += [] if hidden else [lost(at(look), at(last))]
            hidden = True
        else:
            events += [seen(at(look), at(last), disk="0")] if hidden else []
            last, hidden = look, False
    truth = Decimal(end) * Decimal("0.36") / 60
    ours = sum((c.usd for c in fold(events, at(now))), Decimal(0))
    assert abs(ours - truth) <= doubt(events, at(now)) + Decimal("1e-9")


def _gaps(looks, asked):
    marks = [0, *sorted({*looks, asked})]
    return list(pairwise(marks))


def test_the_running_hour_of_an_hourly_bill_is_doubted_by_itself_and_only_where_it_is_reached():
    kw = {"provider": "runpod"}
    bill = charged(at(90), ("gpu", at(0), at(60), "0.36"), ("gpu", at(60), at(90), "0.18"), **kw)
    (life,) = read_history([intended(at(), **kw), created(at(), **kw), seen(at(0), at(0), **kw), bill]).lives
    five_minutes = Decimal("0.378") / 12
    assert doubt_usd(life, at(90)) == running_hour_usd(life, at(90)) == five_minutes
    assert doubt_usd(life, at(60)) == 0
    assert doubt_usd(life, at(120), at(91)) == 0
    assert "metered" not in doubt_words(five_minutes, five_minutes)


def test_an_edge_that_a_report_does_not_reach_is_no_doubt_of_it():
    events = [intended(at()), created(at()), seen(at(0), at(0)), seen(at(60), at(50), gpu_billing=False)]
    (life,) = read_history(events).lives
    assert doubt_usd(life, at(50)) == doubt_usd(life, at(90), at(60)) == 0
    assert doubt_usd(life, at(90), at(55)) == Decimal("0.36") / 12
