"""What must go goes, also when the journal takes nothing more: by what it can still be read to say."""

from collections.abc import Callable
from typing import TypeVar

import typer

from cloudgpu.base.errors import CloudgpuError, StoreError, UnwritableStoreError
from cloudgpu.cli import render
from cloudgpu.cli.session import Session

Outcome = TypeVar("Outcome")


def acted(session: Session, act: Callable[[], Outcome]) -> Outcome:
    """What `act` gives; where the journal takes nothing more, what it gives on a copy of it in memory.

    So `act` may run twice, and must be fit for that, as every removal is. Raises what it raises.
    """
    try:
        return act()
    except CloudgpuError as error:
        if not is_the_journals(error) or not session.read_for_the_last_time():
            raise
        render.alarm(f"{error.message}; what it holds can be read, and is acted on.")
    return act()


def is_the_journals(error: CloudgpuError) -> bool:
    """Whether it came of a journal that takes nothing more."""
    return isinstance(error, UnwritableStoreError) or isinstance(error.__cause__, UnwritableStoreError)


def not_noted(session: Session) -> StoreError | None:
    """The error to end with after an act on a copy; None: the journal has noted all of it."""
    if not session.store.stands_in:
        return None
    return UnwritableStoreError(
        "what was done is done, but the journal could not note it and still holds what was before",
        hint=f"{_REMEDY}; then: cloudgpu gc",
    )


def end_of_report(session: Session) -> None:
    """Exit status 1 after a report on a copy: it is told as it is, but what was seen is kept nowhere."""
    if session.stands_on_copy:
        render.progress(f"What was seen now could not be noted.\nHint: {_REMEDY}")
        raise typer.Exit(1)


_REMEDY = "free some space on its disk, or let it and its folder be written"
