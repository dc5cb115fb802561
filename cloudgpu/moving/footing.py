"""What can be relied on of the two sides: who answers, who is there without answering, who is gone."""

from dataclasses import dataclass
from enum import StrEnum

from cloudgpu.base.money import show_usd
from cloudgpu.running.records import Deployment, DeploymentState

SILENCE = "does not answer"
"""What is said of a side that gives no answer, or of which nothing more is known."""

_ON_ITS_WAY = (
    DeploymentState.INTENDED, DeploymentState.CREATING, DeploymentState.UNCERTAIN, DeploymentState.PROVISIONING,
    DeploymentState.STARTING, DeploymentState.LOADING,
)  # fmt: skip
_STANDS_STILL = {
    DeploymentState.STOPPED: "was stopped (not from here)",
    DeploymentState.OUTBID: "was outbid",
}


class Stand(StrEnum):
    """How a side stands.

    answers: it serves as it should. coming: it loads. silent: it exists and does not answer. stopped, outbid: it exists
    without its GPUs, and its disk bills. going: its end was asked for. gone: it does not exist, or not yet.
    """

    ANSWERS = "answers"
    COMING = "coming"
    SILENT = "silent"
    STOPPED = "stopped"
    OUTBID = "outbid"
    GOING = "going"
    GONE = "gone"

    @property
    def is_left(self) -> bool:
        """It exists and nobody asked for its end."""
        return self not in (Stand.GOING, Stand.GONE)

    @property
    def is_still(self) -> bool:
        """It exists without its GPUs."""
        return self in (Stand.STOPPED, Stand.OUTBID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """Both sides."""

    old: Stand = Stand.ANSWERS
    new: Stand = Stand.ANSWERS


def stand_of(life: Deployment | None, *, answers: bool) -> Stand:
    """How a side stands whose life is this (None: there is none), when it `answers` now, or did when it was asked."""
    if life is None or life.state.is_final:
        return Stand.GONE
    if life.state.is_ending:
        return Stand.GOING
    if life.state in _STANDS_STILL:
        return Stand(life.state.value)
    if answers:
        return Stand.ANSWERS
    return Stand.COMING if life.state in _ON_ITS_WAY else Stand.SILENT


def stand_known(life: Deployment | None, answered: bool | None) -> Stand:
    """The same by the journal alone. `answered`: whether it did at the last look; None: there was none yet.

    What failed since that look answers no more; what nobody looked at does while it is recorded as ready.
    """
    if life is None or life.state.is_unwell:
        return stand_of(life, answers=False)
    return stand_of(life, answers=life.state is DeploymentState.READY if answered is None else answered)


def waits(life: Deployment) -> str:
    """Why one that is there serves nobody though it may come back, and what it costs all the same."""
    where = f"{life.name} (instance {life.instance_id} at {life.provider})"
    bills = f"bills {show_usd(life.usd_per_hour_now, 4)} per hour"
    if life.state not in _STANDS_STILL:
        return f"{where} answered before and loads again, and {bills}"
    never = "" if life.ready_at else " before it ever answered"
    disk = f"its disk {bills}" if life.usd_per_hour_now else "it is charged nothing now, though it exists"
    return f"{where} {_STANDS_STILL[life.state]}{never}; {disk}"
