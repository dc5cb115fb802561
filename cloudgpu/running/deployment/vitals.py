"""Whether what serves still answers and still works: one look at the engine, recorded."""

import dataclasses
from collections.abc import Callable
from contextlib import suppress

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.events import Emit
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.deployment.tell_work import has_worked, tell_work, with_ours
from cloudgpu.running.deployment.wait import Prober
from cloudgpu.running.health import alive
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store
from cloudgpu.running.token_count import TokenCount
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
    """The deployment with what its engine tells now: how often it did not answer, what it counted. Recorded.

    An engine whose counters moved since the last reading is alive and at work; any other one is asked for one token,
    and what its answer says that this took is no work. Its tokens go into the journal every few minutes. Nothing is
    done for what does not serve. Calls the endpoint. Raises ConflictError while another process works on it.
    """
    if deployment.state is not DeploymentState.READY or deployment.endpoint is None:
        return deployment
    before = read(deployment.endpoint)
    works = before is not None and has_worked(deployment.engine, before)
    health = None if works else prober(deployment.endpoint, store.key_of(deployment), deployment.health)
    after = before if works else read(deployment.endpoint)
    with store.lock(lock_name(deployment.name), f"a look at {deployment.name}"):
        current = store.life(deployment.token) or deployment
        if current.state is not DeploymentState.READY:
            return current
        told = tell_work(current, after, clock.now(), emit, ours=health.took if health else None)
        answers = health is None or health.ready
        told = dataclasses.replace(told, unanswered=0 if answers else current.unanswered + 1)
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


def note_probe(deployment: Deployment, took: TokenCount | None, store: Store) -> None:
    """Keep what a probe of our own took, so that it counts as nobody's work. Never raises, as `note_work` does not.

    Writes nothing for an engine that was never read: its first reading counts from there.
    """
    if took is None or deployment.engine is None:
        return
    with suppress(CloudgpuError), store.lock(lock_name(deployment.name), f"a look at {deployment.name}"):
        current = store.life(deployment.token)
        if current is not None and current.engine is not None:
            store.save_deployment(with_ours(current, took))


def silence(deployment: Deployment) -> str | None:
    """That it does not answer, and how sure that is; None when it did at the last look."""
    if not deployment.unanswered:
        return None
    count = min(deployment.unanswered, PATIENCE)
    return f"it did not answer ({count} of {PATIENCE}{': it is down' if is_down(deployment) else ''})"


def is_down(deployment: Deployment) -> bool:
    """Whether it has been silent at so many looks in a row that it is believed."""
    return deployment.unanswered >= PATIENCE
