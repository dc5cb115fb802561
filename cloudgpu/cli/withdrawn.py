"""After an end: no address keeps pointing to it, and who gets the requests now is said."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloudgpu.cli import render
from cloudgpu.cli.session import Session
from cloudgpu.moving.withdrawal import Inheritance, Withdrawal, serving
from cloudgpu.running.records import Deployment


@dataclass(slots=True)
class Redirected:
    """The services at whose address nobody answers any more, and the heirs of the others whose sides ended."""

    withdrawn: list[str] = field(default_factory=list)
    heirs: dict[str, str] = field(default_factory=dict)


def withdraw(session: Session) -> Redirected:
    """Withdraw the addresses of what is gone or going, also what a killed command left, and say so.

    Behind a gateway a side that is left inherits the requests. Calls no network. Raises ConflictError when the files
    cannot be removed.
    """
    found = Redirected()

    def on_inherited(told: Inheritance) -> None:
        found.heirs[told.service] = told.heir
        gone = f"{' and '.join(told.gone)} {'is' if len(told.gone) == 1 else 'are'} gone"
        render.progress(f"All requests of {told.service} go to {told.heir} now, at the same address: {gone}.")

    withdrawal = Withdrawal(
        store=session.store, state_dir=session.settings.state_dir, clock=session.clock, emit=session.emit,
        on_inherited=on_inherited,
    )  # fmt: skip
    found.withdrawn = withdrawal.everywhere()
    for service in found.withdrawn:
        moving = session.store.open_migration(service) is not None
        way = " It is in the middle of a migration, see: cloudgpu migrate status" if moving else ""
        render.progress(f"The address of {service} is withdrawn: nobody answers there any more.{way}")
    return found


def say_who_answers(session: Session, gone: Sequence[Deployment], told: Redirected) -> None:
    """Of each side of a migration that clients were not sent to: whom they are sent to as before. Calls no network."""
    for name in sorted({each.service for each in gone} - {*told.withdrawn, *told.heirs}):
        service = session.store.service(name) if session.store.open_migration(name) else None
        if service is not None:
            to = serving(service, session.settings.state_dir)
            render.progress(f"Requests of {name} go to {to} as before." if to else f"Nobody answers for {name}.")
