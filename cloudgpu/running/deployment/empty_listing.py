"""What stands against a listing that shows nothing at all: a deployment that a read still shows, or the account's bill.

An account whose first create was never answered looks the same as one whose listing is broken. The bill is kept by
other hands: an instance that it names and that a read of its own shows is alive, whatever is listed.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from cloudgpu.base.errors import NotAuthorisedError, ProviderError
from cloudgpu.running.account import same_account
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.state import Seen, Unsure
from cloudgpu.running.records import Deployment

_CLOCKS_APART = timedelta(days=2)
"""Further than this no machine's time was off when it wrote down that it was about to create."""


def against_it(journal: Journal, deployment: Deployment) -> Seen | Unsure | None:
    """Why an empty listing proves nothing about this deployment, or where it is; None: nothing speaks against it.

    The bill is asked about a create without an answer only: where the id is known, a read of its own said no already.
    Calls the network; raises as the provider does.
    """
    other = _alive_all_the_same(journal, deployment)
    if other is not None:
        return Unsure(f"the provider lists nothing, though {other} is alive")
    return _billed(journal, deployment) if deployment.instance_id is None else None


def billed_until(journal: Journal, deployment: Deployment) -> datetime | None:
    """How far the bill of an instance reaches that nobody here ended and that is not listed; None: nobody can tell.

    Calls the network; whatever is wrong with the bill, nothing is told.
    """
    if deployment.instance_id is None or deployment.state.is_ending:
        return None
    with contextlib.suppress(ProviderError, NotAuthorisedError):
        lines = journal.provider.bill(deployment.instance_id, min(deployment.since, journal.now()) - _CLOCKS_APART)
        return max((line.end for line in lines), default=None)
    return None


def _alive_all_the_same(journal: Journal, deployment: Deployment) -> str | None:
    """Another deployment of this account that a read of its own still shows."""
    for other in journal.store.deployments():
        if other.provider != deployment.provider or not _same(other.account, deployment.account):
            continue
        if other.token == deployment.token or other.instance_id is None:
            continue
        if journal.provider.instance(other.instance_id):
            return other.name
    return None


def _same(one: str | None, other: str | None) -> bool:
    return one == other if one is None or other is None else same_account(one, other)


def _billed(journal: Journal, deployment: Deployment) -> Seen | Unsure | None:
    alive = None
    for instance_id in _billed_ids(journal, deployment):
        view = journal.provider.instance(instance_id)
        if view is not None and view.label == deployment.token:
            return Seen(view)
        alive = alive or (instance_id if view is not None else None)
    return Unsure(f"the provider lists nothing, though instance {alive} is alive and billed") if alive else None


def _billed_ids(journal: Journal, deployment: Deployment) -> Iterator[str]:
    """What was billed since the create and is not known to be gone. A key that may not read the bill tells nothing."""
    try:
        lines = journal.provider.bill(None, min(deployment.since, journal.now()) - _CLOCKS_APART)
    except NotAuthorisedError:
        return
    gone = {each.instance_id for each in journal.store.deployments(include_gone=True) if each.state.is_final}
    yield from sorted({line.instance_id for line in lines} - gone)
