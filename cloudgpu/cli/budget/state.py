"""The budget as the journal has it, and the guard that `up` and `migrate` ask before anything is rented."""

from decimal import Decimal
from typing import TYPE_CHECKING

from cloudgpu.accounting.budget import Budget
from cloudgpu.accounting.use import broken_by
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import BudgetError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import ZERO
from cloudgpu.cli import render
from cloudgpu.cli.alerts.standing import Standing, standing_of
from cloudgpu.cli.cost.reading import read

if TYPE_CHECKING:  # a report that only shows a budget must not load what rents
    from cloudgpu.cli.session import Session
    from cloudgpu.running.deployment import UpRequest


def read_budget(session: "Session") -> Standing:
    """How the budget stands, as the journal knows it. Asks no provider."""
    history, moments, *_ = read(session, offline=True)
    return standing_of(history, moments)


def keep(session: "Session", budget: Budget | None) -> None:
    """Set the budget, or take it away (None)."""
    data = budget.as_data() if budget else {}
    session.emit(Event(kind=EventKind.BUDGET, at=SystemClock().now(), data=data))


def check_budget_for(session: "Session", request: "UpRequest", hours: Decimal) -> None:
    """Ask the budget before a rental of so many hours: warn on stderr when it would break a soft one.

    What races with it counts with its download and an hour, as in the price that is shown before the question. Raises
    BudgetError when it would break a hard one: nothing is rented.
    """
    standing = read_budget(session)
    first, others = request.rentals[0], request.within_agreement[1 : request.limits.hedge]
    once = first.download_usd + sum((each.usd_per_hour + each.download_usd for each in others), ZERO)
    why = broken_by(standing.uses, request.name, first.usd_per_hour, hours, once)
    if standing.budget is None or why is None:
        return
    if standing.budget.hard:
        raise BudgetError(why, hint="raise it (cloudgpu budget set), rent for less time, or take something down")
    render.progress(f"Above the budget: {why}.")
