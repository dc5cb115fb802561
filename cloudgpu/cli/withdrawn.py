"""After an end: no address keeps pointing to it, and that is said."""

from cloudgpu.cli import render
from cloudgpu.cli.session import Session
from cloudgpu.moving.withdrawal import Withdrawal


def withdraw(session: Session) -> list[str]:
    """Withdraw the addresses of what is gone or going, also what a killed command left; the services they were of.

    Calls no network. Raises ConflictError when the files cannot be removed.
    """
    withdrawal = Withdrawal(
        store=session.store, state_dir=session.settings.state_dir, clock=session.clock, emit=session.emit
    )
    withdrawn = withdrawal.everywhere()
    for service in withdrawn:
        moving = session.store.open_migration(service) is not None
        way = " It is in the middle of a migration, see: cloudgpu migrate status" if moving else ""
        render.progress(f"The address of {service} is withdrawn: nothing serves it.{way}")
    return withdrawn
