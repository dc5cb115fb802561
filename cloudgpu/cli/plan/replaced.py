"""`plan --migrate-from`: the deployment that the planned one shall replace. Read from the journal, no network."""

from decimal import Decimal

from cloudgpu.base.errors import NotFoundError
from cloudgpu.cli.session import EMULATED, open_session


def old_side(name: str) -> tuple[Decimal, tuple[str, ...]]:
    """What the deployment costs per hour, and whom to ask in its place: the emulator for what runs there, else nobody
    in particular.

    Raises NotFoundError when nothing of that name bills.
    """
    found = open_session().store.deployment(name)
    if found is None or found.state.is_final:
        raise NotFoundError(f"no deployment named {name!r} runs", hint="see: cloudgpu status")
    return found.usd_per_hour, (found.provider,) if found.provider in EMULATED else ()
