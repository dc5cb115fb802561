"""How a service goes from the old side to the new one: in one step, in several, or not wholly."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cloudgpu.moving.gateway.route import ShareBy


class Way(StrEnum):
    """blue-green: all at once after the gates. canary: in steps. ab, dual: both stay until told otherwise, and share
    (dual: the new one is meant for production, the old one for light use). replace: the old side goes first."""

    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    AB = "ab"
    DUAL = "dual"
    REPLACE = "replace"

    @property
    def stays_shared(self) -> bool:
        """Both sides go on serving until somebody says otherwise."""
        return self in (Way.AB, Way.DUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A way with its numbers. `steps` are percentages of the new side on the way to 100; empty for all at once.

    `pause_s` is how long each step lasts, None until somebody says `promote`. `window_s` is how long the old side is
    kept after the promotion, None until `finalize`. `auto_rollback` goes back by itself at a regression. Seconds of the
    provider's clock.
    """

    way: Way = Way.BLUE_GREEN
    steps: tuple[int, ...] = ()
    pause_s: float | None = 0.0
    share_by: ShareBy = ShareBy.WEIGHT
    window_s: float | None = 3600.0
    auto_rollback: bool = True

    @property
    def needs_gateway(self) -> bool:
        """An address alone points to one side at a time."""
        return self.way in (Way.CANARY, Way.AB, Way.DUAL)

    @property
    def canary_s(self) -> float:
        """How long all steps last together, as far as they end by themselves."""
        return len(self.steps) * (self.pause_s or 0.0)

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "way": self.way.value,
            "steps": list(self.steps),
            "pause_s": self.pause_s,
            "share_by": self.share_by.value,
            "window_s": self.window_s,
            "auto_rollback": self.auto_rollback,
        }

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Strategy":
        """What `as_body` wrote."""
        return Strategy(
            **{**body, "way": Way(body["way"]), "steps": tuple(body["steps"]), "share_by": ShareBy(body["share_by"])}
        )
