"""What a budget does while nobody looks: it tells of each share that is used, and with --stop ends what bills."""

from collections.abc import Iterator, Sequence

from cloudgpu.accounting.budget import MONTH
from cloudgpu.accounting.use import Use
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.alerts.standing import Standing
from cloudgpu.cli.alerts.telling import Sent, tell_ended, tell_new
from cloudgpu.cli.budget.state import read_budget
from cloudgpu.cli.session import Session
from cloudgpu.cli.sweeping import Found, check_clock, is_migrating
from cloudgpu.running.deployment import Deployment, take_down


def hold_budget(session: Session, found: Found) -> Iterator[tuple[str, str]]:
    """Tell the targets what is newly used; with --stop, destroy what a used-up limit covers, and prove it.

    Yields what it is about and what happened. What resists goes to `found.failures` and is tried at the next look. A
    side of an open migration is left to the migration's own verbs, and that is said. Calls the network.
    """
    standing = read_budget(session)
    if standing.budget is None:
        return
    told = tell_new(session, standing)
    for line in told.new:
        yield "budget", line
    _say_failed(told.failed)
    if standing.budget.stop:
        yield from _end(session, standing, found)


def _end(session: Session, standing: Standing, found: Found) -> Iterator[tuple[str, str]]:
    broken = [use for use in standing.uses if use.is_used_up]
    for each in session.store.deployments() if broken else ():
        use = next((use for use in broken if use.scope in (MONTH, each.name)), None)
        if use is None:
            continue
        if is_migrating(session, each):
            yield each.name, "the budget is used up, and it bills on: a side of an open migration (migrate status)"
            continue
        if _ended(session, each, found):
            said = f"removed: {_whose(use)} is used up ({use.percent} %)"
            told = tell_ended(session, standing, use, each.token, f"cloudgpu: {each.name} was {said}.")
            _say_failed(told.failed)
            yield each.name, said


def _ended(session: Session, each: Deployment, found: Found) -> bool:
    try:
        check_clock(session, each.provider)  # what is used up by it is as wrong as it is
        clock, provider = session.clock(each.provider), session.provider(each.provider)
        take_down(each, provider=provider, store=session.store, clock=clock, emit=session.emit)
    except CloudgpuError as error:
        found.failures.append(error)
        return False
    return True


def _say_failed(failed: Sequence[Sent]) -> None:
    for each in failed:
        render.progress(each.line)


def _whose(use: Use) -> str:
    return "the month's budget" if use.scope == MONTH else f"the budget of {use.scope}"
