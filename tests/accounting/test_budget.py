"""How much of a month's money is used, when it will be gone, and what a hard budget refuses."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lifetimes import NOON, a_rental, at, event

from cloudgpu.accounting.budget import Budget
from cloudgpu.accounting.charge import Charge, Meter, Source, within
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.use import broken_by, uses
from cloudgpu.accounting.used_up import used_up_at

HOUR = Decimal("0.378")


def used(events, until, **budget):
    return uses(read_history([*events, set_to(Budget(**budget))]), until)


def set_to(budget, minute=0):
    return event("budget", at(minute), budget.as_data() if budget else {}, token=None, deployment=None)


def running(**kw):
    """From noon on, the 1st of March: GPU and disk for $0.378 an hour, the download planned at $0.30."""
    return a_rental(**kw)[:4]


def test_the_month_counts_everything_and_a_deployment_its_own():
    both = [*running(), *running(token="t-2", deployment="qwen-14b")]
    month, mistral = used(both, at(66), monthly_usd=Decimal(10), per_deployment={"mistral": Decimal(5)})
    assert (month.scope, mistral.scope) == ("month", "mistral")
    assert month.spent_usd == 2 * mistral.spent_usd > 0


def test_last_months_money_does_not_count():
    old = a_rental(start=NOON - timedelta(days=10), token="t-0", deployment="old")
    (month,) = used(old, at(0), monthly_usd=Decimal(10))
    assert month.spent_usd == 0


def test_the_breach_is_when_the_rest_is_burnt():
    (month,) = used(running(), at(6), monthly_usd=Decimal("0.3018") + 10 * HOUR)
    assert month.breach_at == at(6) + timedelta(hours=10)
    (far,) = used(running(), at(6), monthly_usd=Decimal(10_000))
    assert far.breach_at is None


def test_a_limit_that_is_gone_was_gone_when_the_charges_reached_it():
    """The download at noon, the disk from then on, the GPU with it from 12:06 on."""
    limit = Decimal("0.30") + Decimal("0.018") + Decimal("0.36") * Decimal("0.9")
    for minute in (60, 61, 500):
        (month,) = used(running(), at(minute), monthly_usd=limit)
        assert abs(month.breach_at - at(60)) < timedelta(seconds=1)
        assert month.is_used_up
    (download,) = used(running(), at(60), monthly_usd=Decimal("0.30"))
    assert download.breach_at == at(0)


def test_almost_used_up_is_not_used_up():
    (month,) = used(running(), at(6), monthly_usd=Decimal("0.3018") * Decimal("1.0001"))
    assert (month.percent, month.crossed, month.is_used_up) == (Decimal("99.9"), 80, False)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 10**6)), min_size=1, max_size=6),
       st.integers(1, 100))  # fmt: skip
@example(spent=[(0, 33, 1), (0, 45, 1)], share=1)
def test_at_the_moment_it_was_used_up_just_the_limit_was_spent(spent, share):
    pieces = [a_charge(at(start), at(start + length), Decimal(usd) / 10**6) for start, length, usd in spent]
    limit = sum(piece.usd for piece in pieces) * share / 100
    moment = used_up_at(pieces, limit)
    before = sum(piece.usd for each in pieces if (piece := within(each, None, moment - timedelta(milliseconds=1))))
    after = sum(piece.usd for each in pieces if (piece := within(each, None, moment + timedelta(milliseconds=1))))
    digit = Decimal("1e-12")  # each piece is rounded to it
    assert before - digit * len(pieces) <= limit <= after + digit * len(pieces)


def a_charge(start, end, usd):
    return Charge(
        deployment="mistral", token="t-1", instance_id="7001", provider="vast", model="", gpu="", meter=Meter.GPU,
        start=start, end=end, hours=Decimal(0), usd=usd, source=Source.PROVIDER,
    )  # fmt: skip


@pytest.mark.parametrize(("limit", "crossed"), [("1000", None), ("0.60", 50), ("0.37", 80), ("0.30", 100)])
def test_thresholds_are_crossed_one_after_another(limit, crossed):
    (month,) = used(running(), at(6), monthly_usd=Decimal(limit))
    assert month.crossed == crossed


def test_a_rental_that_would_break_a_limit_is_named_with_the_figures():
    found = used(running(), at(6), monthly_usd=Decimal(5), per_deployment={"qwen-14b": Decimal(1)})
    assert broken_by(found, "mistral", HOUR, Decimal(1), Decimal(0)) is None
    why = broken_by(found, "mistral", HOUR, Decimal(24), Decimal("0.30"))
    assert "$5.00" in why
    assert "24 h" in why
    assert "budget of qwen-14b" in broken_by(found, "qwen-14b", Decimal("0.5"), Decimal(2), Decimal("0.5"))


def test_the_budget_that_was_set_last_holds_until_it_is_cleared():
    first, second = Budget(monthly_usd=Decimal(50)), Budget(per_deployment={"mistral": Decimal("20.5")}, hard=True)
    assert read_history([]).budget is None
    assert read_history([set_to(first, 0), set_to(second, 1)]).budget == second
    assert read_history([set_to(first, 0), set_to(None, 1)]).budget is None


@given(
    limit=st.decimals("0.01", "100", places=2), rate=st.decimals("0", "40", places=4),
    hours=st.integers(0, 720), once=st.decimals("0", "20", places=2),
)  # fmt: skip
def test_what_is_allowed_really_stays_below_the_limit(limit, rate, hours, once):
    found = used(running(), at(6), monthly_usd=limit)
    after = found[0].spent_usd + (HOUR + rate) * hours + once
    assert (broken_by(found, "x", rate, Decimal(hours), once) is None) == (after <= limit)
