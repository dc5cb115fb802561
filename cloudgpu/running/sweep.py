"""Finds what bills though it should not: at the provider, by the exact form of our labels, against the journal."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloudgpu.base.money import ZERO
from cloudgpu.running.deployment.lease import over
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.label import Token, read_token
from cloudgpu.running.providers.base import InstanceView, Provider
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store
from cloudgpu.serving.launch import HealthCheck


class Why(StrEnum):
    """Why an instance with one of our labels stands out."""

    UNKNOWN = "the journal does not know it"
    SHOULD_BE_GONE = "the journal says that it is gone"
    TWIN = "a second instance under a label that another one holds"
    FOREIGN = "made by another installation that shares the account"
    SPARE = "left by a race that was cut short: another one of its name came farther"
    EXPIRED = "its lease is over, or it has had nothing to do for too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An instance that stands out. `deployment` is what the journal knows under its label, None for nothing."""

    provider: str
    why: Why
    view: InstanceView
    token: Token
    deployment: Deployment | None

    @property
    def is_orphan(self) -> bool:
        """Ours, and nothing wants it: it may be destroyed on request. A foreign or expired one takes a word more."""
        return self.why in (Why.UNKNOWN, Why.SHOULD_BE_GONE, Why.TWIN, Why.SPARE)


def sweep(provider: Provider, store: Store, now: datetime) -> list[Finding]:
    """Everything at the provider that carries our label and stands out. Calls the network, changes nothing.

    Raises as `Provider.instances` does: a listing that cannot be relied on finds nothing and says so.
    """
    views = provider.instances()
    found = (_judge(view, views, provider.name, store, now) for view in views)
    return [finding for finding in found if finding is not None]


def adopted(
    finding: Finding,
    provider: Provider,
    store: Store,
    now: datetime,
    state: DeploymentState = DeploymentState.CLEANUP_FAILED,
) -> Deployment:
    """The finding as a deployment: in `cleanup_failed`, so that taking it down is journaled like any other end, or in
    another state, to be kept.

    Its name carries the instance id unless it is free, so that no hint about it can name a deployment that is well.
    The caller saves it before it destroys anything.
    """
    known, view = finding.deployment, finding.view
    name = _free_name(finding, store)
    if known is not None and finding.why is Why.SHOULD_BE_GONE:
        return _reopened(known, view, name, state)
    suffix = f"#{view.instance_id}" if finding.why is Why.TWIN else ""
    return Deployment(
        name=name, service=finding.token.name, token=finding.token.text + suffix,
        provider=provider.name, account=provider.account(), model=known.model if known else "unknown",
        short_name=known.short_name if known else finding.token.name, plan_id=None,
        gpu=known.gpu if known else "unknown", gpu_count=known.gpu_count if known else 1,
        gpu_memory_mib=known.gpu_memory_mib if known else None,
        disk_gb=known.disk_gb if known else 0, offer_id="unknown", machine_id=view.machine_id, location=None,
        state=state, gpu_usd_per_hour=view.gpu_usd_per_hour,
        disk_usd_per_hour=view.disk_usd_per_hour, download_usd=ZERO,
        since=view.started_at or now, lease_until=finding.token.lease_until,
        health=known.health if known else HealthCheck(port=8000, path="/health", model_id="unknown"),
        instance_id=view.instance_id, last_error=f"found by gc: {finding.why}",
    )  # fmt: skip


def _free_name(finding: Finding, store: Store) -> str:
    holder = store.deployment(finding.token.name)
    mine = finding.why is Why.SHOULD_BE_GONE and (holder is None or holder.state.is_final)
    return finding.token.name if mine else f"{finding.token.name}#{finding.view.instance_id}"


def _judge(
    view: InstanceView, views: Sequence[InstanceView], provider: str, store: Store, now: datetime
) -> Finding | None:
    token = read_token(view.label)
    if token is None:
        return None
    known = store.life(token.text)
    why = _why(view, token, known, store.store_id, now)
    if why in (None, Why.EXPIRED) and known is not None and known.instance_id is None and _is_twin(view, views):
        why = Why.TWIN
    if why in (None, Why.EXPIRED) and known is not None and _is_spare(known, store):
        why = Why.SPARE
    return Finding(provider=provider, why=why, view=view, token=token, deployment=known) if why else None


def _why(view: InstanceView, token: Token, known: Deployment | None, store_id: str, now: datetime) -> Why | None:
    if known is None:
        return Why.UNKNOWN if token.store == store_id else Why.FOREIGN
    if known.instance_id not in (None, view.instance_id):
        return Why.TWIN
    if known.state.is_final:
        return Why.SHOULD_BE_GONE
    return Why.EXPIRED if over(known, now) else None


def _is_twin(view: InstanceView, views: Sequence[InstanceView]) -> bool:
    """Whether another one under the same label is older: while the journal knows no id, the oldest is the one meant."""
    same = [each for each in views if each.label == view.label]
    return view is not min(same, key=lambda each: (each.started_at is None, each.started_at, each.instance_id))


def _is_spare(known: Deployment, store: Store) -> bool:
    """A race at work holds the lock of its name: what it started is no spare yet."""
    first = store.living(known.name)[0]
    return first.token != known.token and not store.is_locked(lock_name(known.name))


def _reopened(known: Deployment, view: InstanceView, name: str, state: DeploymentState) -> Deployment:
    return dataclasses.replace(
        known,
        name=name,
        state=state,
        instance_id=view.instance_id,
        last_error=f"found by gc: {Why.SHOULD_BE_GONE}",
    )
