"""The provider's bill beside the ledger: what agrees, what differs and why, what nobody here made, what is settled."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifetimes import NOON, a_rental, at, created, event, intended, observed

from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.reconcile import Verdict, balance_checks, days, differences, strangers
from cloudgpu.accounting.reconcile.days import DayState
from cloudgpu.base.clock import utc_text

FAR = NOON + timedelta(days=3)


def statement(*lines, when=FAR, since=NOON - timedelta(days=1)):
    told = [
        {"instance_id": i, "meter": m, "start": utc_text(s), "end": utc_text(e), "usd": usd}
        for i, m, s, e, usd in lines
    ]
    data = {"fetched_at": utc_text(when), "since": utc_text(since), "lines": told}
    return event("statement", when, data, token=None, deployment=None)


def compared(events, until=FAR):
    history = read_history(events)
    return differences(history, history.statements[-1], until)


def right_bill(gpu="0.324", gpu_end=60):
    """One hour from noon: the GPU from 12:06 on, the disk all along."""
    return [("7001", "gpu", at(6), at(gpu_end), gpu), ("7001", "disk", at(), at(60, 20), "0.0181")]


def test_a_bill_that_says_what_was_metered_agrees():
    assert {d.verdict for d in compared([*a_rental(), statement(*right_bill())])} == {Verdict.AGREES}


def test_seconds_at_the_edges_are_within_the_tolerance():
    assert {d.verdict for d in compared([*a_rental(), statement(*right_bill("0.345"))])} == {Verdict.AGREES}


def test_what_still_runs_may_be_billed_some_seconds_past_the_moment_of_reading():
    running = [each for each in a_rental() if each.kind not in ("destroy_requested", "gone")]
    read, day = at(30 * 60), at(12 * 60)
    bill = [("7001", "gpu", at(6), read + timedelta(seconds=4), "10.7644"),
            ("7001", "disk", at(), read + timedelta(seconds=4), "0.54002")]  # fmt: skip
    told = compared([*running, statement(*bill, when=read)], until=read)
    assert {each.verdict for each in told if each.day == day.date().isoformat()} == {Verdict.AGREES}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([("7001", "gpu", at(6), at(120), "0.684")], "late"),
        ([("7001", "gpu", at(6), at(60), "0.648")], "another price"),
        ([], "not on the bill yet"),
        ([("7001", "gpu", at(6), at(20), "0.084")], "shorter time"),
    ],
)
def test_a_difference_comes_with_its_seconds_and_its_likeliest_cause(lines, words):
    told = [d for d in compared([*a_rental(), statement(*lines)]) if d.meter is Meter.GPU]
    assert {d.verdict for d in told} == {Verdict.DIFFERS}
    assert words in told[0].cause
    assert told[0].unmatched_s == pytest.approx(float(told[0].difference_usd) / 0.36 * 3600, abs=1)


@pytest.mark.parametrize(
    ("events", "lines", "words", "verdict"),
    [
        (a_rental(), [("7001", "gpu", at(6), at(59), "0.318")], "ended at a moment between 2026-03-01 13:00:00 and",
         Verdict.AGREES),
        (a_rental(), [("7001", "gpu", at(4), at(60, 20), "0.338")], "changed at a moment between 2026-03-01 12:00:00",
         Verdict.AGREES),
        ([*a_rental()[:3], event("out_of_sight", at(40), {"unchanged_until": utc_text(at(30))})],
         [("7001", "gpu", at(6), at(40), "0.204")], "it was out of sight since 2026-03-01 12:30:00",
         Verdict.NOT_SEEN),
    ],
)  # fmt: skip
def test_a_difference_within_the_doubt_names_its_seconds_and_its_likeliest_cause_too(events, lines, words, verdict):
    (told,) = [d for d in compared([*events, statement(*lines)], until=at(120)) if d.meter is Meter.GPU]
    assert told.verdict is verdict
    assert words in told.cause
    assert told.unmatched_s


def test_what_agrees_to_the_last_digit_needs_no_cause():
    told = compared([*a_rental(), statement(*right_bill("0.3262"))])
    assert [(each.meter, each.cause) for each in told if each.meter is Meter.GPU] == [(Meter.GPU, None)]


def test_a_disk_that_billed_while_the_machine_stood_is_called_that():
    events = [
        *a_rental()[:3], observed(at(30), gpu_billing=False, disk_billing=False, state="stopped"),
        event("gone", at(2000)), statement(("7001", "disk", at(1500), at(2000), "0.15")),
    ]  # fmt: skip
    (told,) = [d for d in compared(events) if d.day == "2026-03-02"]
    assert "stopped" in told.cause


def test_traffic_is_known_from_the_bill_alone_and_is_no_difference():
    told = compared([*a_rental(), statement(*right_bill(), ("7001", "download", at(1), at(5), "0.27"))])
    assert {d.verdict for d in told if d.meter is Meter.DOWNLOAD} == {Verdict.BILLED_ONLY}


def test_an_instance_on_the_bill_that_was_never_made_here_is_named():
    history = read_history([*a_rental(), statement(*right_bill(), ("666", "gpu", at(0), at(60), "2.5"))])
    (stranger,) = strangers(history, history.statements[-1])
    assert (stranger.instance_id, stranger.usd) == ("666", Decimal("2.5"))


def day_states(*events):
    history = read_history(events)
    found = differences(history, history.statements[-1], FAR)
    return {day.day: day.state for day in days(history, found, history.statements[-1])}


def test_a_day_is_settled_once_the_bill_was_read_twice_a_day_apart_without_a_change():
    first = statement(*right_bill(), when=NOON + timedelta(days=1))
    once, again = [*a_rental(), first], statement(*right_bill(), when=NOON + timedelta(days=2))
    assert day_states(*once) == {"2026-03-01": DayState.OPEN}
    assert day_states(*once, again) == {"2026-03-01": DayState.READY}
    changed = statement(*right_bill("0.330"), when=NOON + timedelta(days=2))
    assert day_states(*once, changed) == {"2026-03-01": DayState.OPEN}


def test_a_day_on_which_nobody_looked_is_not_seen_until_the_bill_closes_it():
    """Stopped when it was seen last, and running for two days when it is seen again: a day is all a guess."""
    stopped, back = observed(at(60), gpu_billing=False, state="stopped"), observed(at(60 * 48))
    back.data["unchanged_until"] = utc_text(at(60))
    lived = [intended(at()), created(at()), observed(at()), stopped, back]
    bill = [("7001", "gpu", at(60), at(60 * 48), "16.92"), ("7001", "disk", at(), at(60 * 48), "0.864")]
    first = statement(*bill, when=NOON + timedelta(days=2))
    assert day_states(*lived, first)["2026-03-02"] is DayState.NOT_SEEN
    (told,) = [each for each in compared([*lived, first]) if (each.day, each.meter) == ("2026-03-02", Meter.GPU)]
    assert (told.verdict, told.metered_usd) == (Verdict.NOT_SEEN, 0)
    assert told.tolerance_usd < told.difference_usd <= told.tolerance_usd + told.doubt_usd
    assert day_states(*lived, first, statement(*bill))["2026-03-02"] is DayState.READY


def test_a_closed_day_whose_bill_changes_later_is_said():
    closed = event(
        "day_closed", FAR,
        {"day": "2026-03-01", "metered_usd": "0.3421", "billed_usd": "0.3421", "adjustment_usd": "0"},
        token=None, deployment=None,
    )  # fmt: skip
    kept = [*a_rental(), closed]
    assert day_states(*kept, statement(*right_bill())) == {"2026-03-01": DayState.CLOSED}
    assert day_states(*kept, statement(*right_bill("0.33"))) == {"2026-03-01": DayState.CHANGED}


@pytest.mark.parametrize("end", [at(37 * 60), at(60 * 60), at(84 * 60)])
def test_a_line_that_goes_on_growing_and_is_rounded_anew_changes_no_past_day(end):
    """Vast.ai prints three places: what of a running instance's line lies on a day moves with each reading a little."""
    running = [each for each in a_rental() if each.kind not in ("destroy_requested", "gone")]

    def read(when):
        lines = [("7001", meter, begin, when, rounded(rate, when - begin))
                 for meter, begin, rate in (("gpu", at(6), "0.36"), ("disk", at(0), "0.018"))]  # fmt: skip
        return statement(*lines, when=when)

    first, now = read(at(12 * 60 + 1)), read(end)
    closed = event(
        "day_closed", end,
        {"day": "2026-03-01", "metered_usd": "4.5", "billed_usd": "4.5003", "adjustment_usd": "0.0003"},
        token=None, deployment=None,
    )  # fmt: skip
    assert day_states(*running, first, closed, now)["2026-03-01"] is DayState.CLOSED
    assert day_states(*running, first, now)["2026-03-01"] is DayState.READY


def rounded(rate, length):
    return str((Decimal(rate) * Decimal(length.total_seconds()) / 3600).quantize(Decimal("0.001")))


def balance(when, usd):
    return event("balance", when, {"usd": usd}, token=None, deployment=None)


def test_the_balance_must_have_lost_what_was_billed_and_gained_what_was_paid():
    paid = event("top_up", at(30), {"usd": "10"}, token=None, deployment=None)
    bill = statement(*right_bill())
    fine = read_history([balance(at(-10), "5"), *a_rental(), paid, balance(at(90), "14.6579"), bill])
    (check,) = balance_checks(fine, fine.statements[-1])
    assert check.agrees
    assert check.gap_usd == 0
    unsaid = read_history([balance(at(-10), "5"), *a_rental(), balance(at(90), "14.6579"), bill])
    (check,) = balance_checks(unsaid, unsaid.statements[-1])
    assert not check.agrees
    assert check.gap_usd == 10
    assert "paid in" in check.cause


def test_a_balance_that_lost_more_than_was_billed_is_not_explained():
    lost = read_history([balance(at(-10), "5"), *a_rental(), balance(at(90), "3"), statement(*right_bill())])
    (check,) = balance_checks(lost, lost.statements[-1])
    assert not check.agrees
    assert "the bill lacks charges" in check.cause


def test_a_bill_by_the_hour_does_not_tell_on_which_side_of_a_reading_its_money_lies():
    """The instance began at 35 past, so the first hour's money lies later than an even hour's would."""
    runpod = {"provider": "runpod"}
    lines = [{"instance_id": "7001", "meter": "gpu", "start": utc_text(at(0)), "end": utc_text(at(60)), "usd": "0.15"}]
    data = {"fetched_at": utc_text(at(120)), "since": utc_text(at(-60)), "lines": lines}
    readings = [event("balance", when, {"usd": usd}, token=None, deployment=None, **runpod)
                for when, usd in ((at(40), "5"), (at(90), "4.88"))]  # fmt: skip
    bill = event("statement", at(120), data, token=None, deployment=None, **runpod)
    history = read_history([*readings, bill])
    (check,) = balance_checks(history, history.statements[-1])
    assert check.agrees


@pytest.mark.parametrize(("off", "agrees"), [("0.05", True), ("0.07", False)])
def test_what_is_taken_from_the_balance_may_lie_ten_minutes_behind_the_bill_however_long_nothing_ran(off, agrees):
    """An idle month before an hour at $0.36 does not make that hour's rhythm any finer."""
    bill = statement(("7001", "gpu", at(0), at(60), "0.36"), since=NOON - timedelta(days=40))
    left = Decimal(5) - Decimal("0.36") + Decimal(off)
    read = [balance(NOON - timedelta(days=30), "5"), *a_rental(), balance(at(60), str(left)), bill]
    history = read_history(read)
    (check,) = balance_checks(history, history.statements[-1])
    assert check.agrees is agrees


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 500), st.integers(0, 10**6)), max_size=8))
def test_every_billed_dollar_of_ours_stands_in_exactly_one_day(lines):
    """Lines end with the instance, so its life outlasts them here."""
    told = [("7001", "gpu", at(s), at(s + n), f"{usd / 10**6}") for s, n, usd in lines]
    found = compared([*a_rental(hours=100), statement(*told)])
    assert sum(d.billed_usd for d in found) == sum(Decimal(line[4]) for line in told)
