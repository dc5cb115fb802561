"""Whether what serves still answers and still works: one look at the engine, recorded."""

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.events import Emit
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.deployment.tell_work import tell_work
from cloudgpu.running.deployment.wait import Prober
from cloudgpu.running.health import alive
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store
from cloudgpu.running.work import Work, read_work

PATIENCE = 3
"""So many looks in a row without an answer before it counts: one packet that was lost is no outage."""

_QUICK_S = 3.0
"""So long a destroy or a report waits for an engine's counters: it costs a thousandth of a dollar at the most."""

ReadWork = Callable[[str], Work | None]


def take_vitals(
    deployment: Deployment,
    store: Store,
    clock: Clock,
    emit: Emit,
    *,
    prober: Prober = alive,
    read: ReadWork = read_work,
) -> Deployment:
    """The deployment with what its engine tells now: how often it did not answer, since when it is idle. Recorded.

    An engine whose counters moved since the last look is alive and at work; any other one is asked for one token, and
    what that adds to its counters is no work. Its tokens go into the journal every few minutes. Nothing is done for
    what does not serve. Calls the endpoint. Raises ConflictError while another process works on it.
    """
    if deployment.state is not DeploymentState.READY or deployment.endpoint is None:
        return deployment
    before = read(deployment.endpoint)
    works = before is not None and (before.now > 0 or before.done != deployment.work_done)
    answers = works or prober(deployment.endpoint, store.key_of(deployment), deployment.health).ready
    after = before if works else read(deployment.endpoint)
    with store.lock(lock_name(deployment.name), f"a look at {deployment.name}"):
        current = store.life(deployment.token) or deployment
        if current.state is not DeploymentState.READY:
            return current
        told = dataclasses.replace(
            tell_work(current, after, clock.now(), emit),
            work_done=after.done if after else None,
            idle_since=_idle_since(current, clock.now(), known=before is not None, works=works),
            unanswered=0 if answers else current.unanswered + 1,
        )
        store.save_deployment(told)
    return told


def note_work(
    deployment: Deployment,
    store: Store,
    clock: Clock,
    emit: Emit,
    *,
    read: ReadWork = lambda endpoint: read_work(endpoint, _QUICK_S),
    at_once: bool = True,
) -> Deployment:
    """The deployment after its engine's counters were read once: at its start, before a report, before its end.

    They are written down `at_once`, or when the last reading is old enough. Calls the endpoint for a few seconds at
    most. Never raises: no silent engine, other process or full disk keeps a destroy waiting for a statistic.
    """
    if deployment.state is not DeploymentState.READY or deployment.endpoint is None:
        return deployment
    work = read(deployment.endpoint)
    with suppress(CloudgpuError), store.lock(lock_name(deployment.name), f"a look at {deployment.name}"):
        current = store.life(deployment.token) or deployment
        if current.state is DeploymentState.READY and work is not None:
            current = tell_work(current, work, clock.now(), emit, at_once=at_once)
            store.save_deployment(current)
        return current
    return deployment


def silence(deployment: Deployment) -> str | None:
    """That it does not answer, and how sure that is; None when it did at the last look."""
    if not deployment.unanswered:
        return None
    count = min(deployment.unanswered, PATIENCE)
    return f"it did not answer ({count} of {PATIENCE}{'' if count < PATIENCE else ': it is down'})"


def _idle_since(deployment: Deployment, now: datetime, *, known: bool, works: bool) -> datetime | None:
    """Since when it does nothing. The first look only sets the mark: a counter that was never read proves nothing."""
    if not known or works:
        return None if not known else (now if deployment.work_done is None else None)
    return deployment.idle_since or now
