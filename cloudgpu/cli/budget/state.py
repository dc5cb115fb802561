"""The budget as the journal has it, and the guard that `up` and `migrate` ask before anything is rented."""

from decimal import Decimal

from cloudgpu.accounting.budget import Budget, Use, broken_by, budget_of, uses
from cloudgpu.accounting.history import read_history
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import BudgetError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.cli.cost.reading import read
from cloudgpu.cli.session import Session


def read_budget(session: Session) -> tuple[Budget | None, list[Use]]:
    """The budget that holds and how much of it is used, as the journal knows it. Asks no provider."""
    events = session.events()
    budget = budget_of(events)
    if budget is None:
        return None, []
    _, moments, _ = read(session, offline=True)
    return budget, uses(read_history(events), budget, moments)


def keep(session: Session, budget: Budget | None) -> None:
    """Set the budget, or take it away (None)."""
    data = budget.as_data() if budget else {}
    session.emit(Event(kind=EventKind.BUDGET, at=SystemClock().now(), data=data))


def refuse_broken(
    session: Session, deployment: str, usd_per_hour: Decimal, hours: Decimal, once_usd: Decimal
) -> str | None:
    """A warning when this rental would break a soft budget, None when it breaks none.

    Raises BudgetError when it would break a hard one: nothing is rented.
    """
    budget, found = read_budget(session)
    why = broken_by(found, deployment, usd_per_hour, hours, once_usd)
    if budget is not None and why is not None and budget.hard:
        raise BudgetError(why, hint="raise it (cloudgpu budget set), rent for less time, or take something down")
    return why
