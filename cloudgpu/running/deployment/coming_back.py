"""What loads while no command waits for it: ready as soon as its engine answers, and not before."""

import contextlib

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import ConflictError, StoreError
from cloudgpu.base.events import Emit
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.deployment.tell_work import with_ours
from cloudgpu.running.deployment.wait import Prober, answered
from cloudgpu.running.health import probe
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store


def ready_when_it_answers(
    deployment: Deployment, provider: Provider, store: Store, clock: Clock, emit: Emit, *, prober: Prober = probe
) -> Deployment:
    """The deployment, `ready` when it loads and answers now: it came back, or the `up` that waited was cut short.

    Recorded. What was adopted without a key cannot be asked, and stays `loading`; what another process works on is left
    to that one. Calls the endpoint, and it alone; spends nothing.
    """
    name = lock_name(deployment.name)
    if deployment.state is not DeploymentState.LOADING or deployment.endpoint is None or store.is_locked(name):
        return deployment
    try:
        key = store.key_of(deployment)
    except StoreError:
        return deployment
    health = prober(deployment.endpoint, key, deployment.health)
    if not health.ready:
        return deployment
    with contextlib.suppress(ConflictError), store.lock(name, f"a look at {deployment.name}"):
        if store.life(deployment.token) == deployment:
            journal = Journal(provider=provider, store=store, clock=clock, emit=emit)
            return answered(journal, with_ours(deployment, health.took))
    return store.life(deployment.token) or deployment
