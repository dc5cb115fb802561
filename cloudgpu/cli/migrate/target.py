"""What a migration moves to: a plan or a model's name, and today's offers for it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from cloudgpu.base.errors import NotFoundError, UsageError
from cloudgpu.cli.agreement import live_plan, new_plan
from cloudgpu.cli.markets import check_providers
from cloudgpu.cli.plan.needs import asked_name
from cloudgpu.cli.session import Session
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.planning.plan import Plan
from cloudgpu.planning.plan_file import latest_plan_path, load_plan
from cloudgpu.running.deployment import Deployment
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.weighed import find_model


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted, and the plan that was made for it already; None when only a model was named."""

    needs: Needs
    plan: Plan | None


def target_of(session: Session, to: str | None, plan_file: Path | None, old: Deployment) -> Target:
    """What is meant: `--to MODEL` with our defaults, `--plan FILE`, or the latest plan.

    Raises UsageError for both at once, and when the latest plan is for the model that is served already; NotFoundError
    when there is no plan.
    """
    if to is not None and plan_file is not None:
        raise UsageError("--to and --plan say two things", hint="give one of them")
    if to is not None:
        # While the new side starts, the old one bills: what is ready sooner may be the cheaper one.
        asked, usd = asked_name(to), old.usd_per_hour
        return Target(Needs(model=find_model(to), asked=asked, options=ServingOptions(), old_usd_per_hour=usd), None)
    plan = load_plan(plan_file) if plan_file is not None else _latest(session, old)
    return Target(plan.needs, plan)


def provider_of(wanted: str | None, target: Target, old: Deployment) -> str:
    """Where to rent: as it was said, else where the plan found its live offers, else where the old side is."""
    if wanted is not None:
        return check_providers((wanted,))[0]
    plan = target.plan
    if plan is not None and plan.offers.source is OfferSource.LIVE and plan.candidates:
        return plan.candidates[0].offer.provider
    return old.provider


def plan_today(
    session: Session, target: Target, provider: str, max_price: Decimal | None = None
) -> tuple[Plan, str | None]:
    """The plan on the provider's offers of this moment, and what changed in price. Calls the network, rents nothing.

    `max_price` leaves out what costs more dollars per hour; None keeps to the plan's own cap. Raises NothingFitsError,
    or as the provider does.
    """
    needs = target.needs if max_price is None else replace(target.needs, max_usd_per_hour=max_price)
    if target.plan is None:
        return new_plan(session, provider, needs), None
    return live_plan(session, provider, replace(target.plan, needs=needs))


def _latest(session: Session, old: Deployment) -> Plan:
    try:
        plan = load_plan(latest_plan_path(session.settings.state_dir))
    except NotFoundError:
        raise NotFoundError(
            "there is no plan of what to move to", hint="cloudgpu plan MODEL first, or name it: --to MODEL"
        ) from None
    if plan.needs.model.model_id == old.model:
        raise UsageError(
            f"the latest plan is for {old.model}, which {old.name} serves already",
            hint="cloudgpu plan MODEL first, or name it: --to MODEL",
        )
    return plan
