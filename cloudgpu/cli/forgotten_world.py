"""What was rented in a world of the emulator that is no more: nobody can be asked about it."""

from dataclasses import replace
from datetime import datetime

from cloudgpu.accounting.history import Balance, History
from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.session import EMULATED, Session


def is_forgotten(session: Session, provider: str, account: str | None) -> bool:
    """Whether this account is of another world than the one that the emulator has now. Calls no network.

    False where it cannot be told: no emulator was ever started, or nobody knows whose account it was.
    """
    status = session.emulator_status() if provider in EMULATED else None
    if status is None or not status.accounts or account is None:
        return False
    from cloudgpu.running.account import KEY_PREFIX, first_name  # a report on real providers needs none of it

    name = first_name(account) or KEY_PREFIX
    return name not in status.accounts and not name.startswith(KEY_PREFIX)


def in_this_world(session: Session, history: History) -> History:
    """The history without what a bill of the emulator's present world says nothing about: all of another one."""
    began = _began(session)
    return replace(
        history,
        lives=tuple(each for each in history.lives if not is_forgotten(session, each.provider, each.account)),
        balances=balances_of_this_world(session, history),
        statements=tuple(each for each in history.statements if _is_since(began, each.provider, each.fetched_at)),
        top_ups=tuple(each for each in history.top_ups if _is_since(began, each.provider, each.at)),
    )


def balances_of_this_world(session: Session, history: History) -> tuple[Balance, ...]:
    """Those that were read since the emulator's present world began, and all of real providers."""
    began = _began(session)
    return tuple(each for each in history.balances if _is_since(began, each.provider, each.at))


def _began(session: Session) -> datetime | None:
    """When the emulator's present world began, no earlier than the one before it ended; None: there is none."""
    status = session.emulator_status()
    return status.opened_at if status else None


def _is_since(began: datetime | None, provider: str, moment: datetime) -> bool:
    return began is None or provider not in EMULATED or moment >= began


def forgotten(name: str) -> ConflictError:
    """Why nobody is asked about this deployment, and what to do."""
    return ConflictError(
        f"{name} was rented in a world of the emulator that is no more (emulator start --fresh)",
        hint=f"take it off the books: cloudgpu down {name}",
    )
