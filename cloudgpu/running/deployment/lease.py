"""How long a deployment may live: until when, and how long without work. Said by everything, enforced on request."""

import dataclasses
from datetime import datetime, timedelta

from cloudgpu.base.clock import Clock
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.records import Deployment
from cloudgpu.running.store import Store


def over(deployment: Deployment, now: datetime) -> str | None:
    """Why it has lived long enough, in words; None while it has not, and for what is ending already. Pure.

    Idleness is what readings of its engine prove, up to the last of them: since then it may have worked.
    """
    if deployment.state.is_final or deployment.state.is_ending:
        return None
    if deployment.lease_until is not None and deployment.lease_until < now:
        return f"its lease is over since {deployment.lease_until:%Y-%m-%d %H:%M} UTC"
    if deployment.idle_stop_s is not None and deployment.engine is not None and deployment.idle_since is not None:
        idle_s = deployment.engine.still_s
        if idle_s >= deployment.idle_stop_s:
            return f"it has had nothing to do for {idle_s / 60:.0f} minutes"
    return None


def ends_now(deployment: Deployment, now: datetime) -> str | None:
    """Why it is to be removed without another word: `over`, and that is what was asked for when it was rented."""
    why = over(deployment, now)
    idle = deployment.lease_until is None or deployment.lease_until >= now
    return why if why and (idle or deployment.ends_by_itself) else None


def ended_inside_at(deployment: Deployment) -> datetime | None:
    """The earliest moment at which the timer inside ends it, counted from its intent; None: there is none. Pure."""
    seconds = deployment.dead_man_s
    return None if seconds is None else deployment.since + timedelta(seconds=seconds)


def set_lease(
    deployment: Deployment,
    store: Store,
    clock: Clock,
    *,
    ttl_s: float | None = None,
    idle_stop_s: float | None = None,
    never_idle: bool = False,
) -> Deployment:
    """The deployment with a new end: so many seconds from now, after so long without work; None leaves each as it is.

    Raises ConflictError while another process works on it.
    """
    with store.lock(lock_name(deployment.name), f"lease of {deployment.name}"):
        current = store.life(deployment.token) or deployment
        if ttl_s is not None:
            until = clock.now() + timedelta(seconds=ttl_s)
            current = dataclasses.replace(current, lease_until=until, ends_by_itself=True)
        if idle_stop_s is not None or never_idle:
            current = dataclasses.replace(current, idle_stop_s=idle_stop_s)
        store.save_deployment(current)
    return current
