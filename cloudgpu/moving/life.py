"""The life that a side of a migration names, in the journal."""

from cloudgpu.moving.migration import Side
from cloudgpu.running.records import Deployment
from cloudgpu.running.store import Store


def life_of(side: Side, service: str, store: Store) -> Deployment | None:
    """The side's deployment, as it was recorded last; None when there is none yet.

    Its token names one life, whatever became of it. Until the token is known it is the living deployment of that name
    and service: one that is final is an earlier life of the name.
    """
    if side.token is not None:
        return store.life(side.token)
    found = store.deployment(side.name)
    return found if found and found.service == service and not found.state.is_final else None
