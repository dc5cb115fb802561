"""What a budget does while nobody looks: it tells of each share that is used, and with --stop ends what bills."""

from collections.abc import Iterator, Sequence

from cloudgpu.accounting.budget import MONTH, Use
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli.budget.alert import tell_new, tell_targets
from cloudgpu.cli.budget.state import read_budget
from cloudgpu.cli.session import Session
from cloudgpu.cli.sweeping import Found, is_migrating
from cloudgpu.running.deployment import Deployment, take_down


def hold_budget(session: Session, found: Found) -> Iterator[tuple[str, str]]:
    """Tell the targets what is newly used; with --stop, destroy what a used-up limit covers, and prove it.

    Yields what it is about and what happened. What resists goes to `found.failures` and is tried at the next look. A
    side of an open migration is left to the migration's own verbs, and that is said. Calls the network.
    """
    budget, uses = read_budget(session)
    if budget is None:
        return
    told, _ = tell_new(session, uses)
    for line in told:
        yield "budget", line
    broken = [use for use in uses if use.percent >= 100]
    if budget.stop and broken:
        yield from _end(session, broken, found)


def _end(session: Session, broken: Sequence[Use], found: Found) -> Iterator[tuple[str, str]]:
    for each in session.store.deployments():
        use = next((use for use in broken if use.scope in (MONTH, each.name)), None)
        if use is None:
            continue
        if is_migrating(session, each):
            yield each.name, "the budget is used up, and it bills on: a side of an open migration (migrate abort)"
            continue
        if _ended(session, each, found):
            said = f"removed: {_whose(use)} is used up ({use.percent} %)"
            tell_targets(session, f"cloudgpu: {each.name} was {said}.")
            yield each.name, said


def _ended(session: Session, each: Deployment, found: Found) -> bool:
    try:
        clock, provider = session.clock(each.provider), session.provider(each.provider)
        take_down(each, provider=provider, store=session.store, clock=clock, emit=session.emit)
    except CloudgpuError as error:
        found.failures.append(error)
        return False
    return True


def _whose(use: Use) -> str:
    return "the month's budget" if use.scope == MONTH else f"the budget of {use.scope}"
