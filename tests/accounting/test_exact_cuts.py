"""However time is cut, the money stays the same to the last digit."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st
from lifetimes import NOON, charged, created, event, intended, observed

from cloudgpu.accounting.charge import Charge, Meter, Source, by_hour, cut, hour_of
from cloudgpu.accounting.exports.rows import hour_rows
from cloudgpu.accounting.ledger import fold

rates = st.decimals(min_value=0, max_value=40, places=9).map(str)
amounts = st.decimals(min_value=0, max_value=100_000, places=15).map(str)
offsets = st.integers(min_value=0, max_value=40 * 3_600_000_000).map(lambda us: timedelta(microseconds=us))


@st.composite
def histories(draw):
    """The life of one instance: prices that change, a bill or none, an end or none."""
    moments = sorted(draw(st.lists(offsets, min_size=3, max_size=8)))
    events = [intended(NOON, download=draw(rates)), created(NOON)]
    for moment in moments[:-1]:
        gpu_billing, disk_billing = draw(st.booleans()), draw(st.booleans())
        events.append(
            observed(
                NOON + moment, gpu=draw(rates), disk=draw(rates), gpu_billing=gpu_billing, disk_billing=disk_billing
            )
        )
    if draw(st.booleans()):
        start, end = sorted(draw(st.tuples(offsets, offsets)))
        meter = draw(st.sampled_from(["gpu", "disk", "download", "upload"]))
        events.append(charged(NOON + end, (meter, NOON + start, NOON + end, draw(amounts))))
    if draw(st.booleans()):
        events.append(event("gone", NOON + moments[-1]))
    return events


def money(charges):
    return sum((c.usd for c in charges), Decimal(0))


@given(histories(), offsets, st.lists(offsets, max_size=12))
def test_any_cut_of_any_history_gives_the_same_total(events, length, edges):
    charges = fold(events, NOON + length)
    pieces = [piece for c in charges for piece in cut(c, [NOON + edge for edge in edges])]
    assert money(pieces) == money(charges)
    assert sum(p.hours for p in pieces) == sum(c.hours for c in charges)


@given(histories(), offsets, st.lists(offsets, max_size=5), st.lists(offsets, max_size=5))
def test_a_cut_of_the_pieces_of_a_cut_gives_the_same_total(events, length, first, second):
    charges = fold(events, NOON + length)
    pieces = [p for c in charges for p in cut(c, [NOON + edge for edge in first])]
    assert money(q for p in pieces for q in cut(p, [NOON + edge for edge in second])) == money(charges)


@given(histories(), offsets)
def test_events_that_came_twice_cost_what_they_cost_once(events, length):
    """Each one twice in a row, and the whole journal read in again behind itself."""
    once = fold(events, NOON + length)
    assert fold([each for each in events for _ in range(2)], NOON + length) == once
    assert money(fold([*events, *events], NOON + length)) == money(once)


@given(histories(), offsets)
def test_hours_add_up_to_the_whole_and_each_piece_lies_in_one_hour(events, length):
    charges = fold(events, NOON + length)
    pieces = by_hour(charges)
    assert money(pieces) == money(charges)
    assert all(p.start == p.end or p.end <= hour_of(p.start) + timedelta(hours=1) for p in pieces)
    assert sum((row.total_usd for row in hour_rows(charges)), Decimal(0)) == money(charges)


@given(histories(), offsets, st.lists(offsets, max_size=6))
def test_looking_more_often_at_a_state_that_does_not_change_costs_nothing(events, length, looks):
    """Each look repeats what was seen last, so the spans, and with them the roundings, are the same."""
    seen = [e for e in events if e.kind != "observed"]
    constant = [observed(NOON, gpu="0.333333333")]
    more = sorted((observed(NOON + look, gpu="0.333333333") for look in looks), key=lambda e: e.at)
    rest = seen[2:]
    once = fold([*seen[:2], *constant, *rest], NOON + length)
    often = fold([*seen[:2], *constant, *more, *rest], NOON + length)
    assert money(once) == money(often)


@given(histories(), offsets, offsets)
def test_money_is_never_given_back_as_time_goes_on(events, one, other):
    earlier, later = sorted((one, other))
    assert money(fold(events, NOON + earlier)) <= money(fold(events, NOON + later))


@given(amounts, st.lists(offsets, min_size=1, max_size=30))
@example("9.78E-13", [timedelta(hours=30)])
def test_a_provider_amount_with_more_digits_than_ours_is_split_without_loss(amount, edges):
    whole = Charge(
        deployment="d", token="t", instance_id="1", provider="vast", model="m", gpu="g", meter=Meter.GPU, start=NOON,
        end=NOON + timedelta(hours=37, microseconds=1), hours=Decimal(37), usd=Decimal(amount), source=Source.PROVIDER,
    )  # fmt: skip
    pieces = cut(whole, [NOON + edge for edge in edges])
    assert money(pieces) == Decimal(amount)
    assert all(p.usd >= 0 for p in pieces)
