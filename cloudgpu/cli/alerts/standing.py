"""How the budget stands: what is used of each limit, and what was told of it."""

from dataclasses import dataclass

from cloudgpu.accounting.alert import Alert
from cloudgpu.accounting.budget import Budget
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until
from cloudgpu.accounting.use import Use, uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The budget (None: there is none), how much of each limit is used, and what was told of it: grows with telling.

    `deployments` are the names that were ever rented.
    """

    budget: Budget | None
    uses: list[Use]
    alerts: dict[str, Alert]
    deployments: frozenset[str]


def standing_of(history: History, until: Until) -> Standing:
    """How the budget stands in a history that was read already. Pure."""
    names = frozenset(life.deployment for life in history.lives)
    return Standing(budget=history.budget, uses=uses(history, until), alerts=dict(history.alerts), deployments=names)
