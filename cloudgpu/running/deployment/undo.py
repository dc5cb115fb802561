"""Removes what a run made, one or several: whatever cuts it short, each is told to go and what is unproved is named."""

import contextlib
from collections.abc import Callable, Sequence

from cloudgpu.base.errors import CleanupFailedError, StoreError
from cloudgpu.running.deployment.down import ask_to_end, carry_out, latest_of
from cloudgpu.running.deployment.journal import Journal, unsettled
from cloudgpu.running.records import Deployment, DeploymentState, DestroyAnswer

_STOPPED = "stopped before its end was confirmed"


def undo(journal: Journal, made: Deployment) -> None:
    """Destroy what this attempt made, or prove that it made nothing.

    `made` is what is known here, should the journal not know it or fail. Raises CleanupFailedError for whatever ends
    even this, but for a Ctrl-C: the caller decides what that means for the others.
    """
    try:
        latest = latest_of(journal, made)
        if not latest.state.is_final:
            carry_out(journal, latest)
    except CleanupFailedError:
        raise
    except Exception as error:
        if made.state is DeploymentState.INTENDED:
            return  # nothing was sent: the intent alone rents nothing
        if latest_of(journal, made).state.is_final:
            raise  # its end is proved: only what comes after it was cut short
        raise unsettled(made, str(error), journal.provider.console_url(made.instance_id or "")) from error


def undo_all(journal: Journal, made: Sequence[Deployment]) -> None:
    """Remove all of them, each whatever became of the others.

    A Ctrl-C meanwhile ends the wait for proofs, not the removal: whatever is left is told to go, once each. One more
    ends that too. Raises CleanupFailedError, which names every one whose end is not proved.
    """
    left: list[CleanupFailedError] = []
    waiting = _each(undo, journal, made, left)
    waiting = _each(_tell_to_go, journal, waiting, left)
    waiting = _each(_name, journal, waiting, left)
    left += [_unproved(journal, each) for each in waiting]  # held down to the last: nothing more is looked up
    if left:
        raise _together(journal, made[0].name, left)


def _each(
    act: Callable[[Journal, Deployment], None],
    journal: Journal,
    made: Sequence[Deployment],
    left: list[CleanupFailedError],
) -> Sequence[Deployment]:
    """Act on one after the other, keeping what cannot be proved; from which on a Ctrl-C left them undone."""
    for number, each in enumerate(made):
        try:
            act(journal, each)
        except CleanupFailedError as error:
            left.append(error)
        except KeyboardInterrupt:
            return made[number:]
    return ()


def _tell_to_go(journal: Journal, made: Deployment) -> None:
    """Ask once for its end, unless that was taken already: nobody waits for the proof."""
    latest = latest_of(journal, made)
    if latest.instance_id and not latest.state.is_final and latest.destroy_answer is not DestroyAnswer.ACCEPTED:
        with contextlib.suppress(Exception):  # what cannot be proved is named below, whatever was answered
            try:
                ask_to_end(journal, latest)
            except StoreError:
                journal.provider.destroy(latest.instance_id)
    _name(journal, made)


def _name(journal: Journal, made: Deployment) -> None:
    latest = latest_of(journal, made)
    if not latest.state.is_final and latest.state is not DeploymentState.INTENDED:
        raise _unproved(journal, latest)


def _unproved(journal: Journal, made: Deployment) -> CleanupFailedError:
    return unsettled(made, _STOPPED, journal.provider.console_url(made.instance_id or ""))


def _together(journal: Journal, name: str, left: Sequence[CleanupFailedError]) -> CleanupFailedError:
    if len(left) == 1:
        return left[0]
    link = journal.provider.console_url("")
    return CleanupFailedError(
        "; ".join(error.message for error in left),
        hint=f"look at {link} and remove them there, or run: cloudgpu down {name}",
        instance_id=next((error.instance_id for error in left if error.instance_id), None),
    )
