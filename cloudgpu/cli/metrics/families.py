"""The metric families. Names carry their units; gauges, because a bill that is read may take back what was metered."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cloudgpu.accounting.billing import billing_now, purses
from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until, charges
from cloudgpu.accounting.report import report
from cloudgpu.accounting.use import Use
from cloudgpu.base.money import ZERO
from cloudgpu.base.units import SECONDS_PER_HOUR
from cloudgpu.cli.metrics.engine_families import card_families, engine_families, token_families
from cloudgpu.cli.metrics.family import Family, Sample
from cloudgpu.running.records import Deployment, DeploymentState

_COST = ("deployment", "model", "provider", "gpu", "meter", "purpose", "source")
_STATES = ("deployment", "provider", "service", "state")
_SEEN = ("deployment", "provider")


def families(
    history: History, until: Until, deployments: Sequence[Deployment], uses: Sequence[Use], migrations: Iterable[Any]
) -> Iterator[Family]:
    """Everything that is told. Pure; money becomes a float here, for drawing only."""
    unsettled = float(sum(each.state.is_unsettled for each in deployments))
    moving: list[Sample] = [((each["service"], each["state"]), 1.0) for each in migrations]
    yield "cloudgpu_cost_usd", "Dollars spent so far, by whose word.", _COST, _costs(history, until)
    yield "cloudgpu_burn_usd_per_hour", "What bills now.", ("deployment", "provider", "gpu"), _burn(history)
    yield from _purses(history)
    yield "cloudgpu_deployment_state", "1 for the state that a deployment is in.", _STATES, _states(deployments)
    yield "cloudgpu_last_look_timestamp_seconds", "When its provider last showed it.", _SEEN, _looks(deployments)
    yield from engine_families(deployments)
    yield from token_families(report(history, until))
    yield from card_families(deployments)
    yield "cloudgpu_unsettled", "What may bill and nobody can vouch for.", (), [((), unsettled)]
    yield from _budgets(uses)
    yield "cloudgpu_migration_state", "1 for the state that an open migration is in.", ("service", "state"), moving


def _burn(history: History) -> list[Sample]:
    return [
        ((each.deployment, each.provider, each.gpu), float(each.total_usd_per_hour)) for each in billing_now(history)
    ]


def _purses(history: History) -> Iterator[Family]:
    found = purses(history)
    left: list[Sample] = [((each.balance.provider,), float(each.balance.usd)) for each in found]
    lasts: list[Sample] = [
        ((each.balance.provider,), float(max(each.balance.usd, ZERO) / each.burn_usd_per_hour * SECONDS_PER_HOUR))
        for each in found
        if each.burn_usd_per_hour
    ]
    yield "cloudgpu_balance_usd", "Prepaid money when it was last read.", ("provider",), left
    read: list[Sample] = [((each.balance.provider,), each.balance.at.timestamp()) for each in found]
    yield "cloudgpu_balance_left_seconds", "How long it lasts at this burn.", ("provider",), lasts
    yield "cloudgpu_balance_read_timestamp_seconds", "When it was last read and had changed.", ("provider",), read


def _budgets(uses: Sequence[Use]) -> Iterator[Family]:
    limits: list[Sample] = [((each.scope,), float(each.limit_usd)) for each in uses]
    used: list[Sample] = [((each.scope,), float(each.spent_usd / each.limit_usd)) for each in uses]
    yield "cloudgpu_budget_limit_usd", "A budget for this month.", ("scope",), limits
    yield "cloudgpu_budget_used_ratio", "How much of it is used.", ("scope",), used


def _costs(history: History, until: Until) -> list[Sample]:
    sums: dict[tuple[str, ...], Any] = {}
    for charge in charges(history, until):
        key = (
            charge.deployment, charge.model, charge.provider, charge.gpu, charge.meter.value, charge.purpose.value,
            charge.source.value,
        )  # fmt: skip
        sums[key] = sums.get(key, ZERO) + charge.usd
    return [(key, float(usd)) for key, usd in sorted(sums.items())]


def _looks(deployments: Sequence[Deployment]) -> list[Sample]:
    return [((each.name, each.provider), each.seen_at.timestamp()) for each in deployments if each.seen_at is not None]


def _states(deployments: Sequence[Deployment]) -> list[Sample]:
    return [
        ((each.name, each.provider, each.service, state.value), float(each.state is state))
        for each in deployments
        for state in DeploymentState
        if not state.is_final
    ]
