"""Finishes what an interrupted command left: finds out what became of a create, completes an end that was begun."""

from cloudgpu.base.clock import Clock
from cloudgpu.base.events import Emit
from cloudgpu.running.deployment.down import end
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.lookup import settle
from cloudgpu.running.deployment.observe import refresh, turn
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.records import Deployment
from cloudgpu.running.store import Store


def settle_left_behind(
    deployment: Deployment, provider: Provider, store: Store, clock: Clock, emit: Emit
) -> Deployment:
    """The deployment once it is known what became of it.

    A create without an answer is adopted or given up; an end that somebody asked for is carried through. Waits minutes
    of the provider's clock. Raises CleanupFailedError when it cannot be known, ConflictError while another process
    works on it.
    """
    journal = Journal(provider=provider, store=store, clock=clock, emit=emit)
    with turn(journal, deployment.name, f"gc of {deployment.name}"):
        current = store.life(deployment.token) or deployment
        if current.state.is_ending:
            return end(journal, current)
        if current.instance_id is None and not current.state.is_final:
            current = settle(journal, current)
    return refresh(current, provider, store, clock, emit)
