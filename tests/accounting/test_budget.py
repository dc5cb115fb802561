"""How much of a month's money is used, when it will be gone, and what a hard budget refuses."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifetimes import NOON, a_rental, at, event

from cloudgpu.accounting.budget import Budget, broken_by, budget_of, uses
from cloudgpu.accounting.history import read_history

HOUR = Decimal("0.378")


def used(events, until, **budget):
    return uses(read_history(events), Budget(**budget), until)


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
    def set_to(budget, minute):
        return event("budget", at(minute), budget.as_data() if budget else {}, token=None, deployment=None)

    first, second = Budget(monthly_usd=Decimal(50)), Budget(per_deployment={"mistral": Decimal("20.5")}, hard=True)
    assert budget_of([]) is None
    assert budget_of([set_to(first, 0), set_to(second, 1)]) == second
    assert budget_of([set_to(first, 0), set_to(None, 1)]) is None


@given(
    limit=st.decimals("0.01", "100", places=2), rate=st.decimals("0", "40", places=4),
    hours=st.integers(0, 720), once=st.decimals("0", "20", places=2),
)  # fmt: skip
def test_what_is_allowed_really_stays_below_the_limit(limit, rate, hours, once):
    found = used(running(), at(6), monthly_usd=limit)
    after = found[0].spent_usd + (HOUR + rate) * hours + once
    assert (broken_by(found, "x", rate, Decimal(hours), once) is None) == (after <= limit)
