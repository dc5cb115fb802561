"""The budget as the journal has it, and the guard that `up` and `migrate` ask before anything is rented."""

from decimal import Decimal

from cloudgpu.accounting.budget import Budget, Use, broken_by, budget_of, uses
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import BudgetError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.cli import render
from cloudgpu.cli.cost.reading import read
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import UpRequest


def read_budget(session: Session) -> tuple[Budget | None, list[Use]]:
    """The budget that holds and how much of it is used, as the journal knows it. Asks no provider."""
    budget = budget_of(session.events())
    if budget is None:
        return None, []
    history, moments, _ = read(session, offline=True)
    return budget, uses(history, budget, moments)


def keep(session: Session, budget: Budget | None) -> None:
    """Set the budget, or take it away (None)."""
    data = budget.as_data() if budget else {}
    session.emit(Event(kind=EventKind.BUDGET, at=SystemClock().now(), data=data))


def check_budget_for(session: Session, request: UpRequest, hours: Decimal) -> None:
    """Ask the budget before a rental of so many hours: warn on stderr when it would break a soft one.

    Raises BudgetError when it would break a hard one: nothing is rented.
    """
    budget, found = read_budget(session)
    first = request.rentals[0]
    why = broken_by(found, request.name, first.usd_per_hour, hours, first.download_usd)
    if budget is None or why is None:
        return
    if budget.hard:
        raise BudgetError(why, hint="raise it (cloudgpu budget set), rent for less time, or take something down")
    render.progress(f"Above the budget: {why}.")
